import type { LossReason, TryResult } from "../../domain/executor.ts";
import { TailReader } from "../../domain/frame-codec.ts";
import type { WorkerFrame } from "../../domain/worker-frames.ts";
import type { LocalWorker, WorkerTry } from "./local-worker.ts";

/** What the worker reported, copied out of the socket's memory. */
export function resultOf(header: Extract<WorkerFrame, { type: "result" }>, bytes: Buffer): TryResult {
  const tail = new TailReader(Buffer.from(bytes));
  const { error } = header;
  const value = tail.take(header.valueBytes);
  const chunk = tail.take(header.logBytes)!;
  return {
    outcome: header.outcome,
    startedAt: header.startedAt,
    endedAt: header.endedAt,
    value,
    error: error === null ? null : { name: error.name, message: error.message, stack: error.stack },
    isPermanent: error?.isPermanent ?? false,
    log: chunk.byteLength === 0 ? null : { seq: header.logSeq, chunk },
    outletEvents: header.outletEvents.map(({ payloadBytes, ...event }) => ({ ...event, payload: tail.take(payloadBytes)! })),
    outbox: header.outbox.map(({ bodyBytes, ...message }) => ({ ...message, body: tail.take(bodyBytes)! })),
  };
}

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
