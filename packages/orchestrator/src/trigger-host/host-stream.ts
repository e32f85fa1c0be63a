import type { Connection, OpenTriggerContext, Settlement, TriggerMessage, TriggerStream } from "@millrace/sdk/provider";
import { type Frame, TailReader } from "../domain/frame-codec.ts";
import type { HostFrame } from "../domain/trigger-host-frames.ts";
import { hostError } from "./host-errors.ts";
import { HostProcess, type HostProcessOptions } from "./host-process.ts";

/** Where a connection or a variable comes from. @throws {MillraceError} where there is none of that name */
export type HostValues = (what: "connection" | "variable", id: string) => Promise<unknown>;

export interface HostStreamOptions extends Omit<HostProcessOptions, "onFrame"> {
  readonly kind: string;
  readonly bundle: string;
  readonly source: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly values: HostValues;
  readonly context: OpenTriggerContext;
}

type YieldFrame = Extract<HostFrame, { type: "yield" }>;

interface Given {
  readonly seq: number;
  readonly messages: readonly TriggerMessage[];
}

/** For the import of its file. The triggerer's own limit would leave the process behind. */
const OPEN_TIMEOUT_MS = 30_000;
/** How long a process that has nothing left to store may take to end: at least, and where its code ignores its signal, at most. */
const END_MS = { min: 1_000, max: 5_000 };

/** The events of a trigger that runs in a host. The host goes on when what it gave is stored: at most that is in memory here. */
export class HostStream implements TriggerStream {
  readonly #options: HostStreamOptions;
  readonly #process: HostProcess;
  readonly #opened = Promise.withResolvers<string>();
  readonly #queue: Given[] = [];
  /** How many messages of each `yield` are not stored yet. */
  readonly #unsettled = new Map<TriggerMessage, number>();
  readonly #left = new Map<number, number>();
  #source = "";
  #error: Error | null = null;
  #isPaused = false;
  #closed: Promise<void> | null = null;
  #wake: () => void = () => {};
  #onSettled: () => void = () => {};

  constructor(options: HostStreamOptions) {
    this.#options = options;
    const { environment, limits, clock, log } = options;
    this.#process = new HostProcess({ environment, limits, clock, log, onFrame: (frame) => this.#onFrame(frame) });
    // Where it fails later, nobody waits for it.
    this.#opened.promise.catch(() => undefined);
    void this.#process.ended.then((error) => this.#fail(error ?? hostError("TRIGGER_ENDED", "the trigger was stopped")));
  }

  /** @throws {TriggerError} where the trigger cannot be imported, or ends at once */
  async start(): Promise<void> {
    const { bundle, source, kind, params, context } = this.#options;
    context.onState("connecting");
    this.#process.send({ type: "open", bundle, source, kind, params });
    const onAbort = (): void => this.#opened.reject(context.signal.reason);
    context.signal.addEventListener("abort", onAbort, { once: true });
    const cancelTimeout = this.#options.clock.after(OPEN_TIMEOUT_MS, () =>
      this.#fail(hostError("TRIGGER_FAILED", `its file was not imported within ${OPEN_TIMEOUT_MS / 1000} s`)),
    );
    try {
      this.#source = `${kind}/${await this.#opened.promise}`;
      this.#process.send({ type: "start", cursor: await context.cursor(this.#source) });
      context.onState("streaming");
    } catch (error) {
      await this.#process.close(0);
      throw error;
    } finally {
      cancelTimeout();
      context.signal.removeEventListener("abort", onAbort);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly TriggerMessage[], void, undefined> {
    for (;;) {
      if (this.#closed !== null) return;
      const next = this.#isPaused ? undefined : this.#queue.shift();
      if (next !== undefined) yield this.#take(next);
      else if (this.#error !== null && !this.#isPaused) throw this.#error;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    for (const { message, outcome } of settlements) {
      const seq = this.#unsettled.get(message);
      this.#unsettled.delete(message);
      if (seq === undefined || outcome !== "ack") continue;
      const left = (this.#left.get(seq) ?? 0) - 1;
      this.#left.set(seq, left);
      if (left > 0) continue;
      this.#left.delete(seq);
      this.#process.send({ type: "stored", seq });
    }
    this.#onSettled();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#wake();
  }

  /** What was given and not taken is not stored: its `yield` never returns, and it is given again by the next start. */
  close({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  async #close(deadlineMs: number): Promise<void> {
    const { clock } = this.#options;
    const end = clock.monotonic() + deadlineMs;
    this.#wake();
    await this.#untilSettled(deadlineMs);
    await this.#process.close(Math.min(END_MS.max, Math.max(END_MS.min, end - clock.monotonic())));
  }

  #untilSettled(deadlineMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(deadlineMs, resolve);
    this.#onSettled = () => {
      if (this.#unsettled.size === 0) resolve();
    };
    this.#onSettled();
    return promise.finally(cancel);
  }

  #take({ seq, messages }: Given): readonly TriggerMessage[] {
    this.#left.set(seq, messages.length);
    for (const message of messages) this.#unsettled.set(message, seq);
    return messages;
  }

  #onFrame({ header, tail }: Frame<HostFrame>): void {
    const { mask } = this.#process;
    switch (header.type) {
      case "opened":
        this.#opened.resolve(header.source);
        break;
      case "yield":
        this.#queue.push({ seq: header.seq, messages: this.#toMessages(header, tail) });
        this.#wake();
        break;
      case "log": {
        this.#options.log[header.level](cut(mask.apply(header.message)), this.#toFields(header.fields));
        break;
      }
      case "get":
        void this.#answer(header.request, header.what, header.id);
        break;
      case "ended":
        this.#fail(hostError("TRIGGER_ENDED", "run ended by itself: let it go on until its signal is aborted"));
        break;
      case "failed":
        this.#fail(hostError("TRIGGER_FAILED", mask.apply(describe(header.error))));
        break;
    }
  }

  #toMessages({ events }: YieldFrame, tail: Buffer): readonly TriggerMessage[] {
    const reader = new TailReader(tail);
    const source = this.#source;
    return events.map(({ id, key, headers, sentAt, cursor, payloadBytes }) => ({
      identity: id === null ? null : { source, id },
      value: reader.take(payloadBytes),
      key: key === null ? null : Buffer.from(key),
      headers: headers.map(([name, value]) => [name, Buffer.from(value)] as const),
      sentAt,
      attributes: {},
      ...(cursor === null ? {} : { cursor: { source, value: cursor } }),
    }));
  }

  #toFields(fields: object | null): object {
    if (fields === null) return {};
    const masked = this.#process.mask.applyToJson(JSON.stringify(fields));
    return masked.length <= MAX_TEXT ? (JSON.parse(masked) as object) : { fields: cut(masked) };
  }

  async #answer(request: number, what: "connection" | "variable", id: string): Promise<void> {
    try {
      const value = await this.#options.values(what, id);
      if (what === "connection") this.#process.mask.addConnection(value as Connection);
      else this.#process.mask.add(value as string);
      this.#process.send({ type: "value", request, value, error: null });
    } catch (error) {
      this.#process.send({ type: "value", request, value: null, error: (error as Error).message });
    }
  }

  /** The first reason counts: the process's own end follows it. */
  #fail(error: Error): void {
    this.#error ??= error;
    this.#opened.reject(error);
    this.#wake();
  }
}

/** Of a line of its log, and of what it failed with: more would fill the server's log and its answers. */
const MAX_TEXT = 16 * 1024;

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length} characters)`;
}

/** The sentence, and the author's line where it is known. */
function describe({ name, message, stack }: { readonly name: string; readonly message: string; readonly stack: string }): string {
  const place = stack.split("\n").find((line) => line.startsWith("    at ") && !/<anonymous>|node:/.test(line));
  return cut(`${name}: ${message}`) + (place === undefined ? "" : ` (${cut(place.trim())})`);
}
