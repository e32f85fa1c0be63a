import type { ServerFrame, TaskPlace, TryRef, WireError, WorkerFrame } from "../domain/worker-frames.ts";
import type { BundleCache } from "./bundle-cache.ts";
import { type CurrentTry, currentTry } from "./current-try.ts";
import { describeError } from "./describe-error.ts";
import { PermanentError } from "./permanent-error.ts";
import { type Dispatch, prepareTask } from "./prepared-task.ts";
import { SecretMask } from "../domain/secret-mask.ts";
import { TaskLog } from "./task-log.ts";
import { ValueRequests } from "./value-requests.ts";
import { now } from "./worker-clock.ts";

/** Of a result with all it publishes and emits: it is held in memory here, in the server and by each task that needs it. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export type SendFrame = (frame: WorkerFrame, tail?: readonly Uint8Array[]) => void;

interface RunningTry {
  readonly abort: AbortController;
}

/** Runs tries side by side. Nothing is kept after a report: a worker whose socket closes ends, and its tries are run again. */
export class TaskRunner {
  readonly #send: SendFrame;
  readonly #bundles: BundleCache;
  readonly #values: ValueRequests;
  readonly #running = new Map<string, RunningTry>();
  readonly #places = new Map<number, TaskPlace>();

  constructor(options: { send: SendFrame; bundles: BundleCache }) {
    this.#send = options.send;
    this.#bundles = options.bundles;
    this.#values = new ValueRequests(options.send);
  }

  receive(frame: ServerFrame, tail: Buffer): void {
    switch (frame.type) {
      case "dispatch":
        void this.#run({ ...frame, ...this.#places.get(frame.place)! }, tail);
        break;
      case "place":
        this.#places.set(frame.key, frame.place);
        break;
      case "cancel":
        this.#running
          .get(frame.ref.fence)
          ?.abort.abort(new DOMException(`the try was ended: ${frame.reason}`, frame.reason === "timeout" ? "TimeoutError" : "AbortError"));
        break;
      case "value":
        this.#values.settle(frame);
        break;
      case "welcome":
      case "result_ack":
        break;
    }
  }

  async #run(dispatch: Dispatch, tail: Buffer): Promise<void> {
    const { ref } = dispatch;
    const abort = new AbortController();
    this.#running.set(ref.fence, { abort });
    const mask = new SecretMask();
    const log = new TaskLog(mask, (seq, chunk) => this.#send({ type: "log", ref, seq }, [chunk]));
    let startedAt = now();
    try {
      const dag = await this.#bundles.find(dispatch.bundle, dispatch.source, dispatch.dagId);
      const task = await prepareTask({ dispatch, tail, dag, log, mask, values: this.#values, signal: abort.signal });
      startedAt = now();
      this.#send({ type: "started", ref, at: startedAt });
      // Frames go out at the end of this turn: a function that never gives the event loop back must not keep this one here.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      const value = await callTask(`${dispatch.dagId}.${dispatch.taskId}`, log, () => task.run());
      const output = await task.finish(value);
      assertSize(output, dispatch.taskId);
      this.#report(ref, { outcome: "success", startedAt, log, mask, error: null, ...output });
    } catch (error) {
      this.#reportError(ref, error, { startedAt, log, mask });
    } finally {
      this.#running.delete(ref.fence);
    }
  }

  #reportError(ref: TryRef, error: unknown, context: { startedAt: number; log: TaskLog; mask: SecretMask }): void {
    const { outcome, error: wire } = describeError(error, context.mask);
    if (outcome === "skipped") context.log.add("info", `skipped: ${wire.message}`);
    else context.log.add("error", wire.stack === "" ? `${wire.name}: ${wire.message}` : wire.stack);
    this.#report(ref, {
      outcome,
      error: wire,
      value: null,
      outletEvents: [],
      outbox: [],
      ...context,
    });
  }

  #report(ref: TryRef, result: Result): void {
    const { seq, chunk } = result.log.close();
    const value = result.value === null ? null : Buffer.from(result.mask.applyToJson(result.value));
    const parts = [
      ...(value === null ? [] : [value]),
      chunk,
      ...result.outletEvents.map(({ payload }) => payload),
      ...result.outbox.map(({ body }) => body),
    ];
    this.#send(
      {
        type: "result",
        ref,
        outcome: result.outcome,
        startedAt: result.startedAt,
        endedAt: now(),
        error: result.error,
        valueBytes: value === null ? -1 : value.byteLength,
        logBytes: chunk.byteLength,
        logSeq: seq,
        outletEvents: result.outletEvents.map(({ payload, ...event }) => ({ ...event, payloadBytes: payload.byteLength })),
        outbox: result.outbox.map(({ body, ...message }) => ({ ...message, bodyBytes: body.byteLength })),
      },
      parts,
    );
  }
}

interface Result extends TaskOutput {
  readonly outcome: "success" | "failed" | "skipped";
  readonly startedAt: number;
  readonly log: TaskLog;
  readonly mask: SecretMask;
  readonly error: WireError | null;
}

/** What a try leaves behind when it succeeds. */
export interface TaskOutput {
  /** JSON; null where the function returned undefined. */
  readonly value: string | null;
  readonly outletEvents: readonly {
    asset: string;
    payload: Uint8Array;
    extra: Readonly<Record<string, unknown>>;
    partitionKey: string | null;
  }[];
  readonly outbox: readonly {
    kind: string;
    connection: string;
    params: Readonly<Record<string, unknown>>;
    options: Readonly<Record<string, unknown>>;
    body: Uint8Array;
  }[];
}

/** Rejects as the function does, or with an error that nobody caught in what it started. */
async function callTask(name: string, log: TaskLog, run: () => unknown): Promise<unknown> {
  const uncaught = Promise.withResolvers<never>();
  const tried: CurrentTry = { name, log, isRunning: true, fail: uncaught.reject };
  try {
    return await Promise.race([currentTry.run(tried, async () => run()), uncaught.promise]);
  } finally {
    tried.isRunning = false;
  }
}

/** @throws {PermanentError} where the output is larger than anyone should keep in memory */
function assertSize({ value, outletEvents, outbox }: TaskOutput, taskId: string): void {
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
  const bytes =
    (value === null ? 0 : Buffer.byteLength(value)) +
    sum(outletEvents.map(({ payload }) => payload.byteLength)) +
    sum(outbox.map(({ body }) => body.byteLength));
  if (bytes <= MAX_OUTPUT_BYTES) return;
  throw new PermanentError(
    `the result of task '${taskId}', with what it publishes and emits, has ${bytes} bytes; expected at most ${MAX_OUTPUT_BYTES}: store it elsewhere and return where it is`,
  );
}
