import type { NewRun, RunEvent, StoredEvent } from "./committer.ts";
import type { PendingEvent } from "./pattern-fold.ts";
import type { DagRunState, TaskInstanceState } from "./states.ts";
import type { TimePartState } from "./time-pattern.ts";

export interface StoredTask {
  readonly taskIndex: number;
  readonly state: TaskInstanceState;
  readonly try: number;
  readonly queuedAt: number | null;
  readonly startedAt: number | null;
  readonly dueAt: number | null;
  readonly value: Uint8Array | null;
  readonly workerLost: number;
}

/** An unfinished run as the metadata DB has it. */
export interface StoredRun extends NewRun {
  /** It was another process's, which died. */
  readonly isAdopted: boolean;
  readonly events: readonly RunEvent[];
  readonly state: DagRunState;
  readonly startedAt: number | null;
  readonly rescues: number;
  readonly tasks: readonly StoredTask[];
}

/** An unfinished run, and what it would take in memory. */
export interface RunRef {
  readonly id: number;
  /** Of params and payload; null where it has several events, of unknown size. */
  readonly bytes: number | null;
}

/** The scheduler's reads: unfinished runs of this process only, so their cost does not depend on history (P9). */
export interface RunStore {
  /** DAGs with unfinished runs. */
  activeDags(): Promise<readonly number[]>;
  /** A DAG's unfinished runs above `afterId`, in order. */
  active(dag: number, afterId: number, limit: number): Promise<readonly RunRef[]>;
  /** All unfinished runs from this id on. */
  activeSince(fromId: number): Promise<readonly { readonly id: number; readonly dag: number }[]>;
  /** In order of id; without those that have finished. */
  load(ids: readonly number[]): Promise<readonly StoredRun[]>;
  /** Runs that were never started, by trigger. */
  countUnstarted(): Promise<ReadonlyMap<number, number>>;
}

/** An inbox row with its event. */
export interface StoredInboxRow {
  readonly pending: Omit<PendingEvent, "slots">;
  readonly event: StoredEvent;
}

export interface InboxCount {
  readonly dag: number;
  readonly assetId: number;
  readonly count: number;
}

/** What waits to be folded, as the metadata DB has it. */
export interface InboxStore {
  /** How many inbox rows there are in these shards, where there are any. */
  count(shards: readonly number[]): Promise<readonly InboxCount[]>;
  /** What waits for one DAG. */
  countOf(dag: number): Promise<number>;
  /** The id of the newest row of a DAG's inbox; 0 where it has none. */
  newestRow(dag: number): Promise<number>;
  /** Rows of a DAG's inbox above `afterRow`, in order: at most `limit`, and fewer of large payloads; none where there are no more. */
  read(dag: number, afterRow: number, limit: number): Promise<readonly StoredInboxRow[]>;
  /** By PatternPart.path. */
  timeParts(dag: number): Promise<ReadonlyMap<string, TimePartState>>;
  /** Unfinished runs of any process, by DAG; of one DAG, where it is given. */
  countUnfinished(dag?: number): Promise<ReadonlyMap<number, number>>;
  /** Whoever holds the DAG's shard is to give up what waits for it now. */
  requestDrop(dag: number): Promise<void>;
  /** The newest row that is to be given up; 0 where nothing is. */
  dropMark(dag: number): Promise<number>;
  /** It was, up to this row. */
  clearDrop(dag: number, upTo: number): Promise<void>;
}
