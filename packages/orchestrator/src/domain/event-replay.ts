import type { DecisionCode } from "./decision.ts";
import type { TimeRange } from "./reads.ts";
import type { StoredEvent } from "./committer.ts";

/** A stored event that may be decided once more, and what it has done so far; DAGs by their id string. */
export interface ReplayCandidate {
  readonly event: StoredEvent;
  readonly source: string | null;
  readonly partition: string | null;
  readonly offset: number | null;
  readonly messageId: string | null;
  /** DAGs for which there is a decision. */
  readonly decidedFor: readonly string[];
  /** DAGs of which it started a run, or took part in starting one. */
  readonly ranIn: readonly string[];
  /** DAGs in whose inbox it is. */
  readonly waitsFor: readonly string[];
  /** It was made for a run by hand, and no other may see it. */
  readonly isOfOneRun: boolean;
}

export interface ReplayFilter {
  readonly ids?: readonly number[] | undefined;
  readonly assetId?: number | undefined;
  readonly created?: TimeRange | undefined;
}

export interface ReplayReads {
  /** In order of id, after that one: at most `limit`, and fewer of large payloads; none where there are no more. */
  walk(filter: ReplayFilter, afterId: number, limit: number): Promise<readonly ReplayCandidate[]>;
  /** Those of the ids that there are. */
  existing(ids: readonly number[]): Promise<ReadonlySet<number>>;
  /** What a walk goes through. */
  count(filter: ReplayFilter): Promise<number>;
}

/** One event for one DAG, which is to decide it once more. */
export interface ReplayItem {
  readonly eventId: number;
  readonly assetId: number;
  readonly triggerId: number | null;
  /** Of its payload. */
  readonly bytes: number;
  readonly dag: number;
  readonly shard: number;
  readonly versionId: number;
  /** As PendingEvent.slots. */
  readonly slots: readonly number[];
  /** `inbox`, or `held` where the DAG is paused. */
  readonly code: DecisionCode;
}

/** Inbox rows for events that were decided before. Given again under its id, it adds nothing that it has added. */
export interface EventReplay {
  /** Above 0, which is the first decision's. */
  readonly replayId: number;
  readonly items: readonly ReplayItem[];
}

export interface EventReplayReceipt {
  /** Inbox rows of each DAG, in order of the items: false for one that this replay had added before, or whose event is gone. */
  readonly isAdded: readonly boolean[];
}

export interface EventReplayRequest {
  readonly replayId: number;
  /** null: all that are subscribed. */
  readonly dagId: string | null;
  /** Only events that started no run of the DAG and do not wait for it. */
  readonly isOnlyWithoutRun: boolean;
  readonly isDryRun: boolean;
  /** CEL over the stored event; null takes all. */
  readonly where: string | null;
}

/** What a page of events came to for one DAG. */
export interface ReplayedForDag {
  readonly dagId: string;
  /** Went, or would go, into its inbox. */
  readonly events: number;
  /** Not taken since they have a run of it, or wait for it already. */
  readonly withRun: number;
  /** Its filters do not let them through. */
  readonly filtered: number;
  /** This replay had added them before. */
  readonly repeated: number;
  /** It is no longer, or never was, subscribed to their asset. */
  readonly notSubscribed: number;
}

export interface EventReplayPage {
  /** That `where` took. */
  readonly selected: number;
  /** For which `where` could not be computed: they are not replayed. */
  readonly failed: number;
  /** What the first of these said. */
  readonly failure: string | null;
  /** Made for a run by hand: they are its alone. */
  readonly ofOneRun: number;
  readonly dags: readonly ReplayedForDag[];
  /** DAGs whose inbox is too full: nothing of the page was replayed, and it may be given again once there is room. */
  readonly full: readonly { readonly dagId: string; readonly events: number; readonly isPaused: boolean }[];
}
