import { codedMessage } from "../domain/coded-message.ts";
import type { OutboundMessage, PublishResult } from "@millrace/sdk/provider";
import { backoffMs } from "../domain/backoff.ts";
import type { CancellableWait } from "../domain/cancellable-wait.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type { OutboxMessage, OutboxOutcome } from "../domain/outbox.ts";
import type { PublisherCache } from "./publisher-cache.ts";

export const BATCH_SIZE = 500;
/** What a lane holds in memory; what is beyond it stays in the metadata DB and is read when there is room. */
const MAX_MESSAGES = 2_000;
const MAX_BYTES = 16 * 1024 * 1024;
const RETRY_BACKOFF = { firstMs: 250, maxMs: 30_000 };

export interface LaneOptions {
  /** What its log lines call it: kind, connection, queue or topic. */
  readonly name: string;
  readonly kind: string;
  readonly connection: string;
  /** Of one of its messages. */
  readonly params: object;
  /** Starts every `millrace-message-id`, so that two installations never use the same. */
  readonly instance: string;
  readonly publishers: PublisherCache;
  readonly clock: Clock;
  readonly log: Log;
  readonly waits: CancellableWait;
  /** Keeps outcomes; resolves at once while few are on their way to the metadata DB. */
  readonly record: (outcomes: readonly OutboxOutcome[]) => Promise<void>;
  /** Pending messages of any lane with an id above `afterId`, in order of id. */
  readonly pending: (afterId: number, limit: number) => Promise<readonly OutboxMessage[]>;
  readonly isMine: (message: OutboxMessage) => boolean;
  /** What is wrong with the options of a message; null where nothing is. */
  readonly findProblem: (options: object) => string | null;
  readonly isStopping: () => boolean;
  /** True once the stop's deadline is over. */
  readonly isAborted: () => boolean;
}

/** One queue or topic: its messages keep their order, one batch at a time, and block nobody but each other. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #queue: OutboxMessage[] = [];
  #bytes = 0;
  /** The newest id that was taken; what is offered below it is here already, or done. */
  #lastId = 0;
  /** Messages above #lastId wait in the metadata DB alone. */
  #isSpilled = false;
  /** Above #lastId, and here already. */
  readonly #adopted = new Set<number>();
  #hasSpilledSince = false;
  #failures = 0;
  #running: Promise<void> | null = null;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  offer(message: OutboxMessage): void {
    if (message.id <= this.#lastId) return;
    if (this.#isSpilled || !this.#hasRoom()) {
      this.#isSpilled = true;
      this.#hasSpilledSince = true;
      return;
    }
    this.#push(message);
  }

  /** One that another process left: below #lastId, and yet new here. False where there is no room. */
  adopt(message: OutboxMessage): boolean {
    if (!this.#hasRoom()) return false;
    const lastId = this.#lastId;
    this.#push(message);
    // What is read from the metadata DB goes on where it was, and meets this one again.
    this.#lastId = lastId;
    if (message.id > lastId) this.#adopted.add(message.id);
    return true;
  }

  /** Sends until nothing waits. */
  start(): void {
    if (this.#running !== null || (this.#queue.length === 0 && !this.#isSpilled)) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (!this.#options.isStopping()) this.start();
    });
  }

  /** Resolves when the lane has nothing more to do. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const { isStopping, isAborted } = this.#options;
    while ((this.#queue.length > 0 || this.#isSpilled) && !isAborted()) {
      if (isStopping() && (this.#queue.length === 0 || this.#failures > 0)) return;
      if (this.#isSpilled && this.#queue.length < BATCH_SIZE && !isStopping()) await this.#refill();
      const batch = this.#queue.slice(0, BATCH_SIZE);
      if (batch.length > 0) await this.#send(batch);
    }
  }

  async #send(batch: readonly OutboxMessage[]): Promise<void> {
    const results = await this.#publish(batch);
    const left = batch.filter((_, index) => results[index]?.outcome === "retry");
    this.#queue.splice(0, batch.length, ...left);
    this.#bytes -= sizeOf(batch) - sizeOf(left);
    await this.#options.record(this.#outcomes(batch, results));
    if (left.length === 0) this.#onSent();
    else await this.#onRetry(results);
  }

  /** What no publisher can make sense of is not given to it: it would fail with all others, again and again. */
  async #publish(batch: readonly OutboxMessage[]): Promise<readonly PublishResult[]> {
    const problems = batch.map(({ options }) => this.#options.findProblem(options));
    const sound = batch.filter((_, index) => problems[index] === null);
    const results = (sound.length === 0 ? [] : await this.#publishSound(sound)).values();
    return problems.map((problem): PublishResult => {
      if (problem !== null) return { outcome: "rejected", reason: `the options of publish do not fit ${this.#options.kind}: ${problem}` };
      return results.next().value ?? { outcome: "retry", reason: "the publisher gave no result for it" };
    });
  }

  async #publishSound(batch: readonly OutboxMessage[]): Promise<readonly PublishResult[]> {
    const { publishers, connection, kind, instance } = this.#options;
    const messages: OutboundMessage[] = batch.map(({ id, params, body, options }) => ({
      id: `${instance}-${id.toString(36)}`,
      params,
      body,
      options,
    }));
    try {
      return await publishers.use({ connection, kind, params: this.#options.params }, (publisher) => publisher.publish(messages));
    } catch (error) {
      const reason = describe(error);
      return batch.map(() => ({ outcome: "retry", reason }));
    }
  }

  /** Of those to be sent again only the first is written: it is the one that blocks, and it stands for all behind it. */
  #outcomes(batch: readonly OutboxMessage[], results: readonly PublishResult[]): OutboxOutcome[] {
    const at = this.#options.clock.now();
    const outcomes: OutboxOutcome[] = [];
    let hasRetry = false;
    for (const [index, { id }] of batch.entries()) {
      const result = results[index]!;
      if (result.outcome === "sent") outcomes.push({ id, outcome: "sent", at });
      else if (result.outcome === "rejected") outcomes.push({ id, outcome: "rejected", reason: result.reason });
      else if (!hasRetry) outcomes.push({ id, outcome: "retry", reason: result.reason });
      if (result.outcome === "rejected")
        this.#options.log.error(`a message was rejected and will not be sent: ${result.reason}`, { lane: this.#options.name, id });
      hasRetry ||= result.outcome === "retry";
    }
    return outcomes;
  }

  #onSent(): void {
    if (this.#failures > 0) this.#options.log.info("messages are sent again", { lane: this.#options.name });
    this.#failures = 0;
  }

  async #onRetry(results: readonly PublishResult[]): Promise<void> {
    const { log, name, waits } = this.#options;
    const reason = results.find((result) => result.outcome === "retry")?.reason;
    this.#failures += 1;
    const fields = { lane: name, waiting: this.#queue.length, failures: this.#failures };
    if (this.#failures === 1) log.warn(`messages could not be sent; they are kept and tried again: ${reason}`, fields);
    else log.debug(`messages could not be sent: ${reason}`, fields);
    await waits.wait(backoffMs(this.#failures, RETRY_BACKOFF));
  }

  /** Reads what spilled, until the lane is full again or has caught up. */
  async #refill(): Promise<void> {
    for (let afterId = this.#lastId; this.#hasRoom();) {
      this.#hasSpilledSince = false;
      const page = await this.#options.pending(afterId, BATCH_SIZE);
      for (const message of page) {
        if (!this.#options.isMine(message) || this.#adopted.delete(message.id)) continue;
        if (!this.#hasRoom()) return;
        this.#push(message);
      }
      afterId = page.at(-1)?.id ?? afterId;
      if (page.length < BATCH_SIZE && !this.#hasSpilledSince) {
        this.#isSpilled = false;
        return;
      }
    }
  }

  #hasRoom(): boolean {
    return this.#queue.length < MAX_MESSAGES && this.#bytes < MAX_BYTES;
  }

  #push(message: OutboxMessage): void {
    this.#queue.push(message);
    this.#bytes += message.body.byteLength;
    this.#lastId = message.id;
  }
}

function sizeOf(messages: readonly OutboxMessage[]): number {
  return messages.reduce((sum, message) => sum + message.body.byteLength, 0);
}

function describe(error: unknown): string {
  return error instanceof Error ? codedMessage(error) : String(error);
}
