// What a try left behind, as a frame of the worker protocol and back.
import type { TryResult } from "./executor.ts";
import { TailReader } from "./frame-codec.ts";
import type { TryRef, WorkerFrame } from "./worker-frames.ts";

type ResultFrame = Extract<WorkerFrame, { type: "result" }>;

/** Copied out of the socket's memory. @throws {Error} where the tail is shorter than the header says */
export function decodeResult(header: ResultFrame, bytes: Buffer): TryResult {
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

export function encodeResult(ref: TryRef, result: TryResult): { readonly header: ResultFrame; readonly tail: readonly Uint8Array[] } {
  const { outcome, endedAt, value, error, isPermanent, log } = result;
  const header: ResultFrame = {
    type: "result",
    ref,
    outcome,
    startedAt: result.startedAt,
    endedAt,
    error: error === null ? null : { ...error, isPermanent },
    valueBytes: value?.byteLength ?? -1,
    logBytes: log?.chunk.byteLength ?? 0,
    logSeq: log?.seq ?? 0,
    outletEvents: result.outletEvents.map(({ payload, ...event }) => ({ ...event, payloadBytes: payload.byteLength })),
    outbox: result.outbox.map(({ body, ...message }) => ({ ...message, bodyBytes: body.byteLength })),
  };
  const payloads = result.outletEvents.map(({ payload }) => payload);
  const bodies = result.outbox.map(({ body }) => body);
  return { header, tail: [...(value === null ? [] : [value]), ...(log === null ? [] : [log.chunk]), ...payloads, ...bodies] };
}
