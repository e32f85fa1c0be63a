import type { TaskPlace, TryRef } from "../../domain/worker-frames.ts";
import type { Isolation, RemotePlace, RemoteWorkerFrame, SchedulerFrame } from "../../domain/remote-frames.ts";
import type { SchedulerLink } from "./scheduler-link.ts";

/** A try of a scheduler, on this machine. */
export interface RemoteTry {
  readonly scheduler: KnownScheduler;
  /** As its scheduler names it. */
  readonly ref: TryRef;
  /** As the executor on this machine does: the fences of two schedulers may be equal. */
  readonly localRef: TryRef;
  readonly isolation: Isolation;
  startedAt: number | null;
  /** Nobody waits for its outcome any more. */
  isOrphan: boolean;
}

type Outcome = Extract<RemoteWorkerFrame, { type: "result" | "lost" }>;
type Ask = Extract<RemoteWorkerFrame, { type: "get" }>;

interface OpenAsk {
  readonly frame: Ask;
  readonly resolve: (answer: { readonly value: unknown; readonly tail: Buffer }) => void;
  readonly reject: (error: Error) => void;
}

/** Of log lines that wait for the connection; beyond it, the newest are dropped. */
const MAX_LOG_BYTES = 4 * 1024 * 1024;

/** What this worker has of one scheduler; it outlives the connections to it. */
export class KnownScheduler {
  readonly link: SchedulerLink;
  /** Named on the command line, not learned of. */
  readonly isConfigured: boolean;
  readonly running = new Map<string, RemoteTry>();
  readonly places = new Map<number, { readonly remote: RemotePlace; readonly local: TaskPlace }>();
  /** What it says of the others. */
  peers: readonly string[] = [];
  /** Gives up what is of it; null while it is connected. */
  cancelAway: (() => void) | null = null;
  /** Kept until it has acknowledged them. */
  readonly #outcomes = new Map<string, { readonly frame: Outcome; readonly tail: readonly Uint8Array[] }>();
  readonly #asks = new Map<number, OpenAsk>();
  #nextAsk = 1;
  #logs: { readonly frame: Extract<RemoteWorkerFrame, { type: "log" }>; readonly chunk: Uint8Array }[] = [];
  #logBytes = 0;

  constructor(makeLink: (scheduler: KnownScheduler) => SchedulerLink, isConfigured: boolean) {
    this.isConfigured = isConfigured;
    this.link = makeLink(this);
  }

  /** Nothing of it is running, or waits to be acknowledged. */
  get isIdle(): boolean {
    return this.running.size === 0 && this.#outcomes.size === 0;
  }

  get ended(): readonly string[] {
    return [...this.#outcomes.keys()];
  }

  send(frame: RemoteWorkerFrame, tail?: readonly Uint8Array[]): void {
    if (this.link.isConnected) this.link.send(frame, tail);
  }

  end(tried: RemoteTry, frame: Outcome, tail: readonly Uint8Array[]): void {
    this.running.delete(tried.ref.fence);
    this.#outcomes.set(tried.ref.fence, { frame, tail });
    this.send(frame, tail);
  }

  acknowledged(fences: readonly string[]): void {
    for (const fence of fences) this.#outcomes.delete(fence);
  }

  log(ref: TryRef, seq: number, chunk: Uint8Array): void {
    const frame = { type: "log", ref, seq } as const;
    if (this.link.isConnected) this.link.send(frame, [chunk]);
    else if (this.#logBytes + chunk.byteLength <= MAX_LOG_BYTES) {
      this.#logs.push({ frame, chunk });
      this.#logBytes += chunk.byteLength;
    }
  }

  /** Waits for the connection where there is none. @throws {Error} with the scheduler's sentence, or that it is gone */
  async ask(ref: TryRef, what: Ask["what"], id: string): Promise<{ readonly value: unknown; readonly tail: Buffer }> {
    return new Promise((resolve, reject) => {
      const request = this.#nextAsk++;
      const frame = { type: "get", request, ref, what, id } as const;
      this.#asks.set(request, { frame, resolve, reject });
      this.send(frame);
    });
  }

  answered({ request, value, error }: Extract<SchedulerFrame, { type: "value" }>, tail: Buffer): void {
    const open = this.#asks.get(request);
    this.#asks.delete(request);
    if (error === null) open?.resolve({ value, tail: Buffer.from(tail) });
    else open?.reject(new Error(error));
  }

  /** The connection is there again: says once more what may not have arrived. Gives the tries that nobody waits for. */
  resume(unknown: readonly string[]): readonly RemoteTry[] {
    const orphans = unknown.flatMap((fence) => this.running.get(fence) ?? []);
    for (const fence of unknown) {
      this.running.delete(fence);
      this.#outcomes.delete(fence);
    }
    for (const { ref, startedAt } of this.running.values()) if (startedAt !== null) this.send({ type: "started", ref, at: startedAt });
    for (const { frame, chunk } of this.#takeLogs()) this.send(frame, [chunk]);
    for (const { frame, tail } of this.#outcomes.values()) this.send(frame, tail);
    for (const { frame } of this.#asks.values()) this.send(frame);
    return orphans;
  }

  /** The scheduler waits for nothing of this any more. Gives the tries that still run. */
  forget(reason: string): readonly RemoteTry[] {
    const orphans = [...this.running.values()];
    this.running.clear();
    this.#outcomes.clear();
    this.#takeLogs();
    const asks = [...this.#asks.values()];
    this.#asks.clear();
    for (const ask of asks) ask.reject(new Error(reason));
    return orphans;
  }

  #takeLogs() {
    const logs = this.#logs;
    this.#logs = [];
    this.#logBytes = 0;
    return logs;
  }
}
