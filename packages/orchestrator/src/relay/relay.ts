import { backoffMs } from "../domain/backoff.ts";
import { CancellableWait } from "../domain/cancellable-wait.ts";
import type { Clock } from "../domain/clock.ts";
import type { Connections } from "../domain/connections.ts";
import { compileSchema, type PayloadCheck } from "../domain/json-schema.ts";
import type { Log } from "../domain/log.ts";
import type { Outbox, OutboxMessage, OutboxOutcome } from "../domain/outbox.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import { MESSAGE_QUEUE_KIND, queueDestination, toQueueAddress } from "../domain/queue-target.ts";
import type { Service } from "../domain/service.ts";
import { BATCH_SIZE, Lane } from "./lane.ts";
import { PublisherCache } from "./publisher-cache.ts";

export interface RelayOptions {
  readonly outbox: Outbox;
  readonly connections: Connections;
  readonly catalog: ProviderCatalog;
  readonly clock: Clock;
  readonly log: Log;
  /** This installation's id (`meta.instance`). */
  readonly instance: string;
}

const DEFAULT_STOP_MS = 30_000;
/** Outcomes on their way to the metadata DB; above it lanes wait. */
const MAX_RECORDING = 8;
/** For a lane without room. */
const ADOPT_AGAIN_MS = 250;
const RECORD_BACKOFF = { firstMs: 100, maxMs: 10_000 };
/** Between the end of the deadline and giving up on a publisher that does not answer. */
const OVERDUE_MS = 1_000;

/**
 * Publishes outbox messages, in lanes. Memory is bounded: a lane holds so many, the rest stays pending in the
 * metadata DB. A crash between sending and recording sends a message again, with the same `millrace-message-id`.
 */
export class Relay implements Service {
  readonly #options: RelayOptions;
  readonly #publishers: PublisherCache;
  readonly #waits: CancellableWait;
  readonly #lanes = new Map<string, Lane>();
  /** Of params and options, by destination kind. */
  readonly #checks = new Map<string, PayloadCheck>();
  readonly #recording = new Set<Promise<void>>();
  #scan: Promise<void> | null = null;
  /** Until the pending messages of an earlier process are read, new ones wait in the metadata DB, behind them. */
  #isCaughtUp = false;
  #hasOfferSinceRead = false;
  #isStopping = false;
  #isAborted = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#publishers = new PublisherCache(options);
    this.#waits = new CancellableWait(options.clock);
  }

  async start(): Promise<void> {
    if (this.#isStopping) return;
    this.#scan ??= this.#catchUp();
  }

  /** Messages whose commit is done, in order of id. */
  offer(messages: readonly OutboxMessage[]): void {
    if (this.#isStopping || messages.length === 0) return;
    if (this.#isCaughtUp) this.#take(messages.map((message) => this.#resolve(message)));
    else this.#hasOfferSinceRead = true;
  }

  /** Messages of a process that died, in order of id. Resolves when their lanes have taken them. */
  async adopt(messages: readonly OutboxMessage[]): Promise<void> {
    // What is read at the start has them as well.
    if (!this.#isCaughtUp) {
      this.#hasOfferSinceRead = true;
      return;
    }
    for (const message of messages.map((one) => this.#resolve(one))) {
      const key = this.#laneKey(message);
      if (typeof key !== "string") {
        await this.#record([this.#reject(message, key.problem)]);
        continue;
      }
      const lane = this.#laneOf(message, key);
      while (!this.#isStopping && !lane.adopt(message)) await this.#waits.wait(ADOPT_AGAIN_MS);
      lane.start();
    }
  }

  /** A connection has changed: what is sent from now on goes over the new one. */
  reopen(connection: string): void {
    void this.#publishers.drop(connection);
  }

  /** Sends what is in memory, as far as its lanes are not blocked; the rest stays pending. */
  async stop(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#isStopping = true;
    const deadlineMs = options.deadlineMs ?? DEFAULT_STOP_MS;
    const overdue = Promise.withResolvers<void>();
    const cancelDeadline = this.#options.clock.after(deadlineMs, () => (this.#isAborted = true));
    const cancelOverdue = this.#options.clock.after(deadlineMs + OVERDUE_MS, () => overdue.resolve());
    this.#waits.cancel();
    await Promise.race([this.#drain(), overdue.promise]);
    cancelDeadline();
    cancelOverdue();
    await this.#publishers.close();
  }

  async #drain(): Promise<void> {
    await this.#scan;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.idle()));
    await Promise.all(this.#recording);
  }

  async #catchUp(): Promise<void> {
    let afterId = 0;
    while (!this.#isStopping) {
      this.#hasOfferSinceRead = false;
      const page = await this.#pending(afterId, BATCH_SIZE);
      this.#take(page);
      afterId = page.at(-1)?.id ?? afterId;
      if (page.length < BATCH_SIZE && !this.#hasOfferSinceRead) {
        this.#isCaughtUp = true;
        return;
      }
    }
  }

  #take(messages: readonly OutboxMessage[]): void {
    const touched = new Set<Lane>();
    const rejected: OutboxOutcome[] = [];
    for (const message of messages) {
      const key = this.#laneKey(message);
      if (typeof key !== "string") rejected.push(this.#reject(message, key.problem));
      else {
        const lane = this.#laneOf(message, key);
        lane.offer(message);
        touched.add(lane);
      }
    }
    for (const lane of touched) lane.start();
    void this.#record(rejected);
  }

  #reject({ id, kind }: OutboxMessage, problem: string): OutboxOutcome {
    const reason = `the destination does not fit ${kind}: ${problem}`;
    this.#options.log.error(`a message was rejected and will not be sent: ${reason}`, { id });
    return { id, outcome: "rejected", reason };
  }

  #laneOf(message: OutboxMessage, key: string): Lane {
    const found = this.#lanes.get(key);
    if (found !== undefined) return found;
    const { clock, log, instance } = this.#options;
    const lane = new Lane({
      name: key,
      kind: message.kind,
      connection: message.connection,
      params: message.params,
      instance,
      publishers: this.#publishers,
      clock,
      log,
      waits: this.#waits,
      record: (outcomes) => this.#record(outcomes),
      pending: (afterId, limit) => this.#pending(afterId, limit),
      findProblem: (options) => this.#findProblem(message.kind, "options", options),
      isMine: (other) => this.#laneKey(other) === key,
      isStopping: () => this.#isStopping,
      isAborted: () => this.#isAborted,
    });
    this.#lanes.set(key, lane);
    return lane;
  }

  #findProblem(kind: string, part: "params" | "options", value: object): string | null {
    const schema = this.#options.catalog.findDestination(kind)?.[part];
    if (schema === undefined) return null;
    const check = this.#checks.get(`${kind} ${part}`) ?? compileSchema(schema);
    this.#checks.set(`${kind} ${part}`, check);
    return check(value);
  }

  /**
   * Without its provider a message has a lane all the same: it waits there until the provider is back. A task can make
   * up any destination: one that its provider cannot place is a problem of that message alone.
   */
  #laneKey({ kind, connection, params }: OutboxMessage): string | { readonly problem: string } {
    const destination = this.#options.catalog.findDestination(kind);
    const problem = this.#findProblem(kind, "params", params);
    if (problem !== null) return { problem };
    try {
      return `${kind} ${connection} ${destination === undefined ? "" : destination.lane(params)}`;
    } catch (error) {
      return { problem: (error as Error).message };
    }
  }

  /** Reading fails as storing does: for a while. Gives nothing at a stop. */
  async #pending(afterId: number, limit: number): Promise<readonly OutboxMessage[]> {
    const found = await this.#insist("reading the outbox", () => this.#options.outbox.pending(afterId, limit));
    return (found ?? []).map((message) => this.#resolve(message));
  }

  /** A queue that is named by its URL alone becomes its provider's destination. One that nobody knows waits, as without its provider. */
  #resolve(message: OutboxMessage): OutboxMessage {
    if (message.kind !== MESSAGE_QUEUE_KIND) return message;
    try {
      return { ...message, ...queueDestination(this.#options.catalog, toQueueAddress(message)) };
    } catch (error) {
      this.#options.log.warn("a message waits until its destination is known", { id: message.id, error });
      return message;
    }
  }

  async #record(outcomes: readonly OutboxOutcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    const recording = this.#insist("recording what was sent", () => this.#options.outbox.record(outcomes)).then(() => {
      this.#recording.delete(recording);
    });
    this.#recording.add(recording);
    if (this.#recording.size >= MAX_RECORDING) await Promise.race(this.#recording);
  }

  /** Tries until it succeeds; at a stop once more, then undefined. */
  async #insist<T>(what: string, act: () => Promise<T>): Promise<T | undefined> {
    for (let failures = 0; ;) {
      try {
        return await act();
      } catch (error) {
        if (this.#isStopping) return undefined;
        failures += 1;
        this.#options.log.warn(`${what} failed and is tried again`, { error });
      }
      await this.#waits.wait(backoffMs(failures, RECORD_BACKOFF));
    }
  }
}
