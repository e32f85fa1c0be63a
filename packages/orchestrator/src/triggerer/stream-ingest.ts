import type { Settlement, TriggerMessage, TriggerStream } from "@millrace/sdk/provider";
import { backoffMs } from "../domain/backoff.ts";
import type { CancellableWait } from "../domain/cancellable-wait.ts";
import type { Clock } from "../domain/clock.ts";
import { type IngestSink, TriggerNotWatched } from "../domain/ingest-sink.ts";

/** What one ingest takes: a commit's worth. */
const SLICE_SIZE = 256;
/** Settlements under way; above it the next ingest waits for one. */
const MAX_SETTLING = 16;
/** A store that takes longer is shown: nothing else would say why messages stand still. */
const SLOW_INGEST_MS = 30_000;
const INGEST_BACKOFF = { firstMs: 100, maxMs: 10_000 };

export interface StreamIngestOptions {
  readonly triggerId: number;
  readonly sink: IngestSink;
  readonly clock: Clock;
  /** Cancelled when there is no more time to try again. */
  readonly waits: CancellableWait;
  /** Resolves when the trigger is to stop. */
  readonly stopping: Promise<void>;
  readonly isStopping: () => boolean;
  /** True once the stop's deadline is over. */
  readonly isAborted: () => boolean;
  readonly onStored: (messages: readonly TriggerMessage[]) => void;
  readonly onPaused: (isPaused: boolean) => void;
  readonly onFailing: (error: Error) => void;
  readonly onSettleError: (error: Error) => void;
}

/** Takes one stream's messages into the metadata DB, then acknowledges them. */
export class StreamIngest {
  readonly #stream: TriggerStream;
  readonly #options: StreamIngestOptions;
  readonly #settling = new Set<Promise<void>>();

  constructor(stream: TriggerStream, options: StreamIngestOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /**
   * Resolves when the stream has ended, or at a stop that has to leave messages behind. @throws what the stream
   * throws when it is dead.
   */
  async run(): Promise<void> {
    try {
      for await (const batch of this.#stream) {
        if (!(await this.#take(batch))) return;
      }
    } finally {
      await Promise.all(this.#settling);
    }
  }

  /** False where messages are left behind: they come again. */
  async #take(batch: readonly TriggerMessage[]): Promise<boolean> {
    for (let at = 0; at < batch.length; at += SLICE_SIZE) {
      const slice = at === 0 && batch.length <= SLICE_SIZE ? batch : batch.slice(at, at + SLICE_SIZE);
      if (!(await this.#waitForRoom()) || !(await this.#ingest(slice))) {
        await this.#settle(batch.slice(at), "retry");
        return false;
      }
      this.#options.onStored(slice);
      await this.#settle(slice, "ack");
    }
    return true;
  }

  /** False where the trigger stops before there is room. */
  async #waitForRoom(): Promise<boolean> {
    const { sink, triggerId, stopping, isStopping, onPaused } = this.#options;
    let room = sink.waitForRoom(triggerId);
    if (room === null) return true;
    this.#stream.pause();
    onPaused(true);
    for (; room !== null && !isStopping(); room = sink.waitForRoom(triggerId)) await Promise.race([room, stopping]);
    onPaused(false);
    if (room === null && !isStopping()) this.#stream.resume();
    return room === null;
  }

  /** The same messages again until they are stored: a failed slice is never overtaken by the next. */
  async #ingest(slice: readonly TriggerMessage[]): Promise<boolean> {
    const { triggerId, sink, clock, waits, isAborted, onFailing } = this.#options;
    for (let failures = 0; !isAborted();) {
      const cancelSlow = clock.after(SLOW_INGEST_MS, () =>
        onFailing(new Error(`storing ${slice.length} messages has taken over ${SLOW_INGEST_MS} ms`)),
      );
      try {
        await sink.ingest(triggerId, slice);
        return true;
      } catch (error) {
        if (error instanceof TriggerNotWatched) return false;
        failures += 1;
        onFailing(error as Error);
      } finally {
        cancelSlow();
      }
      await waits.wait(backoffMs(failures, INGEST_BACKOFF));
    }
    return false;
  }

  async #settle(slice: readonly TriggerMessage[], outcome: Settlement["outcome"]): Promise<void> {
    const settlements: Settlement[] = slice.map((message) => ({ message, outcome }));
    const settling = this.#stream
      .settle(settlements)
      .catch(this.#options.onSettleError)
      .finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
    if (this.#settling.size >= MAX_SETTLING) await Promise.race(this.#settling);
  }
}
