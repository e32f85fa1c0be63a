import { backoffMs } from "../domain/backoff.ts";
import { CancellableWait } from "../domain/cancellable-wait.ts";
import type { Clock } from "../domain/clock.ts";
import type { Connections } from "../domain/connections.ts";
import { compileSchema, type PayloadCheck } from "../domain/json-schema.ts";
import type { Log } from "../domain/log.ts";
import type { Outbox, OutboxMessage, OutboxOutcome } from "../domain/outbox.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
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
  /** By destination kind. */
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
    if (this.#isCaughtUp) this.#take(messages);
    else this.#hasOfferSinceRead = true;
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
    for (const message of messages) {
      const lane = this.#laneOf(message);
      lane.offer(message);
      touched.add(lane);
    }
    for (const lane of touched) lane.start();
  }

  #laneOf(message: OutboxMessage): Lane {
    const key = this.#laneKey(message);
    const found = this.#lanes.get(key);
    if (found !== undefined) return found;
    const { clock, log, instance } = this.#options;
    const lane = new Lane({
      name: key,
      kind: message.kind,
      connection: message.connection,
      instance,
      publishers: this.#publishers,
      clock,
      log,
      waits: this.#waits,
      record: (outcomes) => this.#record(outcomes),
      pending: (afterId, limit) => this.#pending(afterId, limit),
      findProblem: (options) => this.#checkOf(message.kind)?.(options) ?? null,
      isMine: (other) => this.#laneKey(other) === key,
      isStopping: () => this.#isStopping,
      isAborted: () => this.#isAborted,
    });
    this.#lanes.set(key, lane);
    return lane;
  }

  #checkOf(kind: string): PayloadCheck | undefined {
    const schema = this.#options.catalog.findDestination(kind)?.options;
    const check = this.#checks.get(kind) ?? (schema === undefined ? undefined : compileSchema(schema));
    if (check !== undefined) this.#checks.set(kind, check);
    return check;
  }

  /** Without its provider a message has a lane all the same: it waits there until the provider is back. */
  #laneKey(message: OutboxMessage): string {
    const kind = this.#options.catalog.findDestination(message.kind);
    return `${message.kind} ${message.connection} ${kind === undefined ? "" : kind.lane(message.params)}`;
  }

  /** Reading fails as storing does: for a while. Gives nothing at a stop. */
  async #pending(afterId: number, limit: number): Promise<readonly OutboxMessage[]> {
    const found = await this.#insist("reading the outbox", () => this.#options.outbox.pending(afterId, limit));
    return found ?? [];
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
