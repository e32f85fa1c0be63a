import type { ProcessState } from "./cluster.ts";
import type { TriggerHealth, WorkerHealth } from "./health.ts";

/** A trigger that a process has open. */
export interface TriggerStatus extends TriggerHealth {
  /** Messages that wait in the broker; null where it does not tell. */
  readonly lag: number | null;
}

/** A trigger for whose messages a process has no room, and why. */
export interface FullTrigger {
  readonly triggerId: number;
  /** A sentence each, such as what of it is not started yet, and the limit. */
  readonly reasons: readonly string[];
}

/** What a process tells of itself: of its memory, and so of a moment ago where another process reads it. */
export interface ProcessStatus {
  readonly version: string;
  readonly triggers: readonly TriggerStatus[];
  /** That it gives work to. */
  readonly workers: readonly WorkerHealth[];
  readonly full: readonly FullTrigger[];
}

/** One of the processes on the metadata DB. */
export interface ProcessView extends ProcessState {
  /** null where it has not told yet. */
  readonly status: ProcessStatus | null;
}

/** What the processes have told last, by their ids. */
export interface ProcessStatusReads {
  list(): Promise<ReadonlyMap<number, ProcessStatus>>;
}
