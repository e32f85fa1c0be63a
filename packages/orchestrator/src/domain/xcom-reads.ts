import type { DagRunRead, TaskInstanceRead } from "./reads.ts";

/** The key of what a task returned. */
export const RETURN_VALUE = "return_value";

export interface XcomRead {
  readonly taskIndex: number;
  readonly mapIndex: number;
  readonly key: string;
}

export interface XcomReads {
  /** Without their values; in order of task, map index and key. */
  listOfRun(run: DagRunRead): Promise<readonly XcomRead[]>;
  /** null where there is none of that key. */
  value(instance: TaskInstanceRead, key: string): Promise<{ readonly value: unknown } | null>;
}
