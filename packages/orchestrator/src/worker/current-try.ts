import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";
import type { TaskLog } from "./task-log.ts";

/** The try whose code is running, also in its timers, callbacks and promises. */
export interface CurrentTry {
  /** `dagId.taskId` */
  readonly name: string;
  readonly log: TaskLog;
  /** False once its function has ended. */
  isRunning: boolean;
  /** Ends it as failed, where it runs. */
  readonly fail: (error: unknown) => void;
}

export const currentTry = new AsyncLocalStorage<CurrentTry>();

/**
 * An error that nobody catches belongs to the try that caused it: it fails that one, instead of the process with
 * every other try in it. One of no try ends the process, as Node would.
 */
export function captureUncaughtErrors(): void {
  const settle = (error: unknown): void => {
    const tried = currentTry.getStore();
    if (tried?.isRunning === true) tried.fail(error);
    else report(tried, error);
    if (tried === undefined) process.exit(1);
  };
  process.on("uncaughtException", settle);
  process.on("unhandledRejection", settle);
}

/** To the server's log: the try's own is closed. */
function report(tried: CurrentTry | undefined, error: unknown): void {
  const what =
    tried === undefined ? "an error was not caught" : `task ${tried.name} had ended when something it started failed; await what you start`;
  process.stderr.write(`${what}: ${describe(error)}\n`);
}

function describe(error: unknown): string {
  try {
    return inspect(error);
  } catch {
    return `a value of type ${typeof error} that cannot be read`;
  }
}
