import type { OpenTriggerContext, Settlement, TriggerMessage, TriggerStream } from "@millrace/sdk/provider";
import type { ListCommitsOptions, Message, MessagesStream, Offsets } from "@platformatic/kafka";
import { assignPartitions } from "./assign-partitions.ts";
import type { ClientOptions } from "./connection.ts";
import { PositionedConsumer } from "./consumer.ts";
import { toTriggerError } from "./error.ts";
import { toTriggerMessage, type PartitionIdentity } from "./message.ts";
import { SubscribedLogs } from "./subscribed-logs.ts";
import type { SubscribedTopic, Subscription } from "./positions.ts";
import type { TopicPattern } from "./topic-pattern.ts";
import { OffsetCommitter } from "./settlement.ts";

const BATCH_SIZE = 1_000;
/** The client never notices new, deleted or recreated topics and partitions by itself. */
const METADATA_INTERVAL_MS = 15_000;
/** How long leaving the group may take, beyond the deadline for settlements. */
const LEAVE_TIMEOUT_MS = 3_000;
const LAST_COMMIT_TIMEOUT_MS = 1_000;

/** The client's report of a stall is not used; its timer would keep a process alive after a close without a broker. */
const GROUP = {
  sessionTimeout: 6_000,
  heartbeatInterval: 500,
  rebalanceTimeout: 12_000,
  heartbeatStallTimeout: 1_000,
  partitionAssigner: assignPartitions,
} as const;
const FETCH = {
  minBytes: 1,
  maxWaitTime: 1_000,
  maxBytes: 8 * 1024 * 1024,
  maxBytesPerPartition: 1024 * 1024,
  highWaterMark: BATCH_SIZE,
} as const;

type RecordStream = MessagesStream<Buffer, Buffer, Buffer, Buffer>;

/** One member of a consumer group. Messages already read of a partition that moves away are yielded all the same: the stored position drops what its new owner took. */
export class KafkaStream implements TriggerStream {
  readonly #context: OpenTriggerContext;
  readonly #subject: { readonly servers: readonly unknown[]; readonly topics: readonly string[] };
  readonly #options: ClientOptions;
  readonly #pattern: TopicPattern | null;
  readonly #consumer: PositionedConsumer;
  readonly #commits: OffsetCommitter;
  readonly #logs: SubscribedLogs;
  #records: RecordStream | null = null;
  #joining: Promise<void> = Promise.resolve();
  #state: "connecting" | "streaming" | "reconnecting" = "connecting";
  /** Its topics are others now: it ends, to be opened with those. */
  #isOutdated = false;
  #isPaused = false;
  #isIterated = false;
  #error: Error | null = null;
  #closed: Promise<void> | null = null;
  #metadataTimer: NodeJS.Timeout | null = null;
  #wake: () => void = () => {};
  #onSettled: () => void = () => {};

  constructor(options: ClientOptions, subscription: Subscription, topics: readonly SubscribedTopic[], context: OpenTriggerContext) {
    this.#context = context;
    this.#options = options;
    this.#pattern = subscription.pattern;
    this.#subject = { servers: options.bootstrapBrokers, topics: subscription.topics };
    this.#logs = new SubscribedLogs(topics, subscription.group, context);
    const client = { ...options, ...GROUP, groupId: subscription.group };
    this.#consumer = new PositionedConsumer(client, {
      positions: (asked) => this.#positions(asked),
      isKnown: (topicId) => this.#logs.nameOf(topicId) !== null,
      onUnknownTopic: (topicId) => this.#beginAnew(topicId),
      onFetched: () => this.#setState("streaming"),
      onSilence: () => this.#onLost(),
      onOutOfRange: (topicId, partition, expected, logStart) => void this.#reportGap(topicId, partition, expected, logStart),
    });
    this.#commits = new OffsetCommitter(this.#consumer, context.log);
    this.#listen();
  }

  /** Resolves once the group is joined. */
  join(): Promise<void> {
    this.#joining = this.#join();
    return this.#joining;
  }

  async #join(): Promise<void> {
    await this.#consume();
    this.#setState("streaming");
    this.#metadataTimer = setInterval(() => void this.#checkMetadata(), METADATA_INTERVAL_MS).unref();
  }

  /** Listens in the client's callback: the stream of a consumer that was closed meanwhile fails before a promise would resolve. */
  #consume(): Promise<void> {
    const topics = [...this.#subject.topics];
    return new Promise((resolve, reject) => {
      this.#consumer.consume({ ...FETCH, topics, autocommit: false, mode: "committed", fallbackMode: "earliest" }, (error, records) => {
        if (records === undefined) return reject(error ?? new Error("the client gave no stream"));
        this.#records = records;
        records.on("error", (failure) => this.#fail(failure));
        records.on("readable", () => this.#wake());
        records.once("close", () => this.#fail(new Error("the client closed its stream")));
        resolve();
      });
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly TriggerMessage[], void, undefined> {
    this.#isIterated = true;
    try {
      for (;;) {
        if (this.#closed !== null || this.#isOutdated) return;
        const batch = this.#isPaused ? [] : this.#drain();
        if (batch.length > 0) yield batch;
        else if (this.#error !== null) throw toTriggerError(this.#error, this.#subject);
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#isIterated = false;
      this.#onSettled();
    }
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    this.#commits.settle(settlements);
    this.#onSettled();
  }

  pause(): void {
    this.#isPaused = true;
    this.#records?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#records?.resume();
    this.#wake();
  }

  /** Messages between the stored positions and the ends of the partitions this member has. */
  async lag(): Promise<number> {
    const ends = await this.#consumer.listOffsets({ topics: [...this.#subject.topics] });
    return this.#logs.lag(ends, this.#consumer.assignments ?? []);
  }

  /** What was read and not yielded is dropped: it lies above the stored position, and is read again. */
  close(options: { readonly deadlineMs: number }): Promise<void> {
    this.#closed ??= this.#close(options.deadlineMs);
    return this.#closed;
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#wake();
    await this.#untilSettled(deadlineMs);
    const isReachable = this.#state !== "reconnecting";
    // The client does not leave a group that it is only about to join: it would stay a member, with its timers, for ever.
    if (isReachable)
      await inTime(
        this.#joining.catch(() => {}),
        LEAVE_TIMEOUT_MS,
      );
    if (this.#metadataTimer !== null) clearInterval(this.#metadataTimer);
    if (isReachable && this.#error === null) await inTime(this.#commits.flush(), LAST_COMMIT_TIMEOUT_MS);
    const leaving = this.#leave();
    if (isReachable) await inTime(leaving, LEAVE_TIMEOUT_MS);
    this.#consumer.abandon();
    await inTime(leaving, LEAVE_TIMEOUT_MS);
  }

  async #leave(): Promise<void> {
    try {
      await this.#consumer.close(true);
    } catch (error) {
      this.#context.log.debug("the group was not left in order; its session ends by itself", { error });
    }
  }

  #untilSettled(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#onSettled = () => {
        if (this.#isIterated || this.#commits.unsettled > 0) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onSettled();
    });
  }

  #drain(): TriggerMessage[] {
    const batch: TriggerMessage[] = [];
    while (batch.length < BATCH_SIZE) {
      const record = this.#records?.read() as Message | null | undefined;
      if (record == null) break;
      const from: PartitionIdentity = this.#logs.identityOf(record.topic, record.partition);
      const message = toTriggerMessage(record, from);
      this.#commits.yielded(message, record.topic, record.partition);
      batch.push(message);
    }
    return batch;
  }

  async #positions(asked: ListCommitsOptions): Promise<Offsets> {
    return this.#logs.positions(asked, this.#records?.offsetsToFetch ?? new Map());
  }

  async #reportGap(topicId: string, partition: number, expected: bigint, logStart: bigint): Promise<void> {
    const topic = this.#logs.nameOf(topicId);
    if (topic === null) return;
    try {
      const listed =
        logStart >= 0n ? null : await this.#consumer.listOffsets({ topics: [topic], partitions: { [topic]: [partition] }, timestamp: -2n });
      const actual = listed === null ? logStart : (listed.get(topic)?.[partition] ?? expected);
      this.#context.onGap({ source: this.#logs.identityOf(topic, partition).source, partition: String(partition), expected, actual });
    } catch (error) {
      this.#context.log.warn("messages were removed from the broker before they were read; how many is unknown", {
        topic,
        partition,
        error,
      });
    }
  }

  async #beginAnew(topicId: string): Promise<never> {
    const metadata = await this.#consumer.metadata({ topics: [...this.#subject.topics], forceUpdate: true, retries: 0 });
    await this.#logs.update(metadata);
    throw new Error(`the client reads a topic with the id "${topicId}", which the broker does not have`);
  }

  /** New partitions need a new assignment; a deleted or recreated topic needs a new stream. */
  async #checkMetadata(): Promise<void> {
    try {
      const matching = (await this.#pattern?.list(this.#options)) ?? this.#subject.topics;
      if (String(matching) !== String(this.#subject.topics)) return this.#endOutdated(matching);
      const metadata = await this.#consumer.metadata({ topics: [...this.#subject.topics], forceUpdate: true, retries: 0 });
      if (await this.#logs.update(metadata)) await this.#consumer.joinGroup({});
    } catch (error) {
      const explained = toTriggerError(error, this.#subject);
      if (["TOPIC_NOT_FOUND", "TOPIC_RECREATED", "ACCESS_DENIED"].includes(explained.code)) this.#fail(explained);
    }
  }

  #endOutdated(topics: readonly string[]): void {
    this.#context.log.info("the topics that match have changed: they are opened anew", { topics });
    this.#isOutdated = true;
    this.#wake();
  }

  #listen(): void {
    // Not at a mere disconnect: brokers close idle connections every ten minutes.
    this.#consumer.on("client:broker:failed", () => this.#onLost());
    this.#consumer.on("error", (error: Error) => this.#context.log.debug("the Kafka client reported an error", { error }));
  }

  #onLost(): void {
    this.#setState("reconnecting", new Error(`Kafka at "${this.#subject.servers.join(",")}" does not answer`));
  }

  #setState(state: "streaming" | "reconnecting", error?: Error): void {
    if (this.#state === state || this.#closed !== null || this.#error !== null) return;
    this.#state = state;
    this.#context.onState(state, error);
  }

  #fail(error: Error): void {
    if (this.#closed === null) this.#error ??= error;
    this.#wake();
  }
}

async function inTime(work: Promise<void>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
