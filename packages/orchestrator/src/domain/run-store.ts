import type { StoredEvent } from "./committer.ts";
import type { DagRunState, RunType, TaskInstanceState } from "./states.ts";

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
export interface StoredRun {
  readonly id: number;
  readonly dag: number;
  readonly versionId: number;
  readonly state: DagRunState;
  readonly type: RunType;
  readonly triggerId: number | null;
  readonly logicalDate: number | null;
  readonly params: Uint8Array | null;
  readonly customRunId: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly rescues: number;
  readonly event: StoredEvent | null;
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
