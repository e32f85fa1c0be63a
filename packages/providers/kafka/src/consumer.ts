import { callbackify } from "node:util";
import {
  Consumer,
  type CallbackWithPromise,
  type ConsumerOptions,
  type FetchOptions,
  type ListCommitsOptions,
  type Offsets,
} from "@platformatic/kafka";
import { hasApiError } from "./error.ts";

const RETRY_DELAY_MS = 250;
/** A broker answers a fetch after `maxWaitTime` (1 s) at the latest; a network that lost the connection says nothing. */
const SILENCE_MS = 5_000;

type Options = ConsumerOptions<Buffer, Buffer, Buffer, Buffer>;
type Fetch = FetchOptions<Buffer, Buffer, Buffer, Buffer>;
type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>;

/** What the stream inside the client asks for, answered by ours. */
export interface ConsumerHooks {
  /** Where each assigned partition is to be read from. */
  positions(options: ListCommitsOptions): Promise<Offsets>;
  isKnown(topicId: string): boolean;
  /** Rejects: the stream ends with it. */
  onUnknownTopic(topicId: string): Promise<never>;
  onFetched(): void;
  /** A fetch is still without an answer, long after the broker should have given one. */
  onSilence(): void;
  onOutOfRange(topicId: string, partition: number, expected: bigint, logStart: bigint): void;
}

/**
 * The client's stream asks its consumer for the group's commits at every assignment, and fetches through it.
 * Answering with the stored positions makes the metadata DB the truth without a race: the stream waits for the
 * answer before it fetches.
 */
export class PositionedConsumer extends Consumer {
  readonly #hooks: ConsumerHooks;
  #isAbandoned = false;

  constructor(options: Options, hooks: ConsumerHooks) {
    super({ ...options, retries: true, retryDelay: (client) => (client as unknown as PositionedConsumer).#retryDelay() });
    this.#hooks = hooks;
  }

  override listCommittedOffsets(options: ListCommitsOptions, callback: CallbackWithPromise<Offsets>): void;
  override listCommittedOffsets(options: ListCommitsOptions): Promise<Offsets>;
  override listCommittedOffsets(options: ListCommitsOptions, callback?: CallbackWithPromise<Offsets>): Promise<Offsets> | void {
    if (callback === undefined) return this.#hooks.positions(options);
    callbackify(() => this.#hooks.positions(options))(callback);
  }

  override fetch(options: Fetch, callback: CallbackWithPromise<FetchResponse>): void;
  override fetch(options: Fetch): Promise<FetchResponse>;
  override fetch(options: Fetch, callback?: CallbackWithPromise<FetchResponse>): Promise<FetchResponse> | void {
    if (callback === undefined) return super.fetch(options);
    const unknown = options.topics.find(({ topicId }) => !this.#hooks.isKnown(topicId));
    if (unknown !== undefined) {
      callbackify(() => this.#hooks.onUnknownTopic(unknown.topicId))(callback);
      return;
    }
    const silence = setTimeout(() => this.#hooks.onSilence(), SILENCE_MS).unref();
    super.fetch(options, (error, response) => {
      clearTimeout(silence);
      if (error === null) this.#hooks.onFetched();
      else this.#reportOutOfRange(options, error);
      callback(error, response);
    });
  }

  /** Ends every retry, now and later: the client's own close waits for a broker that may never come back. */
  abandon(): void {
    this.#isAbandoned = true;
    this.emit("client:close");
  }

  /** The client listens for its close while it waits, so it is said again after every wait that begins. */
  #retryDelay(): number {
    if (this.#isAbandoned) setImmediate(() => this.emit("client:close"));
    return RETRY_DELAY_MS;
  }

  /** The stream goes on at the log's start by itself; what is skipped must not go unsaid. */
  #reportOutOfRange(options: Fetch, error: Error): void {
    if (!hasApiError(error, ["OFFSET_OUT_OF_RANGE"])) return;
    const response = (error as Error & { response?: FetchResponse }).response;
    const starts = new Map(
      response?.responses.flatMap(({ topicId, partitions }) => partitions.map((p) => [`${topicId}:${p.partitionIndex}`, p] as const)),
    );
    for (const { topicId, partitions } of options.topics) {
      for (const { partition, fetchOffset } of partitions) {
        const found = starts.get(`${topicId}:${partition}`);
        if (found === undefined || found.errorCode === 0) continue;
        this.#hooks.onOutOfRange(topicId, partition, fetchOffset, found.logStartOffset);
      }
    }
  }
}
