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
  /** How many inbox rows there are, where there are any. */
  count(): Promise<readonly InboxCount[]>;
  /** The id of the newest row of a DAG's inbox; 0 where it has none. */
  newestRow(dag: number): Promise<number>;
  /** Rows of a DAG's inbox above `afterRow`, in order: at most `limit`, and fewer of large payloads; none where there are no more. */
  read(dag: number, afterRow: number, limit: number): Promise<readonly StoredInboxRow[]>;
  /** By PatternPart.path. */
  timeParts(dag: number): Promise<ReadonlyMap<string, TimePartState>>;
  /** Unfinished runs, by DAG. */
  countUnfinished(): Promise<ReadonlyMap<number, number>>;
}
