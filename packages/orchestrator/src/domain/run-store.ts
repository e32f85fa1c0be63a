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
  readonly events: readonly RunEvent[];
  readonly state: DagRunState;
  readonly startedAt: number | null;
  readonly rescues: number;
  readonly tasks: readonly StoredTask[];
}

/** The scheduler's reads: unfinished runs only, so their cost does not depend on history (P9). */
export interface RunStore {
  /** DAGs with unfinished runs. */
  activeDags(): readonly number[];
  /** Ids of a DAG's unfinished runs above `afterId`, in order. */
  active(dag: number, afterId: number, limit: number): readonly number[];
  /** null where the run has finished. */
  load(id: number): StoredRun | null;
  /** Every id that is still to be given is at least this. */
  nextId(): number;
  /** Runs that were never started, by trigger. */
  countUnstarted(): ReadonlyMap<number, number>;
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
  count(): readonly InboxCount[];
  /** The id of the newest row of a DAG's inbox; 0 where it has none. */
  newestRow(dag: number): number;
  /** Rows of a DAG's inbox above `afterRow`, in order: at most `limit`, and fewer of large payloads; none where there are no more. */
  read(dag: number, afterRow: number, limit: number): readonly StoredInboxRow[];
  /** By PatternPart.path. */
  timeParts(dag: number): ReadonlyMap<string, TimePartState>;
  /** Unfinished runs, by DAG. */
  countUnfinished(): ReadonlyMap<number, number>;
}
