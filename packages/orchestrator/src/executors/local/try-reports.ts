import type { LossReason, TryResult } from "../../domain/executor.ts";
import type { LocalWorker, WorkerTry } from "./local-worker.ts";

/** A try that ran out of time has failed, whatever its function made of the abort. */
export function timeoutResult({ dispatch, startedAt }: WorkerTry, now: number, log: TryResult["log"]): TryResult {
  const message = `the task did not end within its timeout of ${dispatch.timeoutMs} ms`;
  return {
    outcome: "failed",
    startedAt,
    endedAt: now,
    value: null,
    error: { name: "TimeoutError", message, stack: "" },
    isPermanent: false,
    log,
    outletEvents: [],
    outbox: [],
  };
}

/** `tries`: how many were in the worker when it died. */
export function lossOf(worker: LocalWorker, tries: number, code: number | null, signal: NodeJS.Signals | null): LossReason {
  if (worker.isStuck) return { isSuspect: false, isolate: true, text: "the worker was killed: a task blocked it" };
  if (worker.killedFor !== null) return { isSuspect: false, isolate: false, text: `the worker was killed: ${worker.killedFor}` };
  const how =
    signal === "SIGABRT" || code === 134
      ? "ran out of memory"
      : signal === null
        ? `ended with exit code ${code}`
        : `was killed by ${signal}`;
  return { isSuspect: tries === 1, isolate: tries > 1, text: `the worker ${how}` };
}
