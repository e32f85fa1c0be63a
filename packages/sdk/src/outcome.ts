const outcomeKey = Symbol.for("millrace.outcome");

/** How a task function ended itself, other than by returning. */
export type TaskOutcome = "skipped" | "failed";

export class SkipTask extends Error {
  override readonly name = "SkipTask";
  readonly [outcomeKey]: TaskOutcome = "skipped";
}

export class FailTask extends Error {
  override readonly name = "FailTask";
  readonly [outcomeKey]: TaskOutcome = "failed";
}

/** Ends this task as skipped. */
export function skip(reason: string): never {
  throw new SkipTask(reason);
}

/** Ends this task as failed, without more tries. */
export function fail(reason: string): never {
  throw new FailTask(reason);
}

/** What `skip()` or `fail()` of any copy of this package meant; null for every other error. */
export function outcomeOf(error: unknown): TaskOutcome | null {
  if (error === null || typeof error !== "object") return null;
  return (error as { [outcomeKey]?: TaskOutcome })[outcomeKey] ?? null;
}
