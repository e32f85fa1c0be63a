import type { TryRef } from "./worker-frames.ts";

/** Answers what tasks ask for by name. */
export interface TaskValues {
  /** @throws {Error} with a sentence for the task, where there is none of that name */
  get(what: "connection" | "variable", id: string, ref: TryRef): Promise<unknown>;
}
