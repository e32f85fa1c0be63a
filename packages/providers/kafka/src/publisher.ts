import type { Connection, OutboundMessage, ProviderLog, Publisher, PublishResult } from "@millrace/sdk/provider";
import { Producer, type MessageToProduce } from "@platformatic/kafka";
import { clientOptionsOf, type ClientOptions } from "./connection.ts";
import { hasApiError, toTriggerError } from "./error.ts";
import type { KafkaPublishOptions, KafkaTopicParams } from "./params.ts";
import { batchesOf } from "./publish-batch.ts";

const SENT: PublishResult = { outcome: "sent" };
/** A record that Kafka answers with one of these is never taken. */
const REJECTIONS = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "INVALID_TIMESTAMP", "CORRUPT_MESSAGE"];
const ID_HEADER = Buffer.from("millrace-message-id");

interface Prepared {
  readonly index: number;
  readonly record: MessageToProduce;
  readonly bytes: number;
}

/** An idempotent producer that waits for all replicas: the client's own retries make no second copy. */
export class KafkaPublisher implements Publisher {
  readonly #options: ClientOptions;
  readonly #producer: Producer;

  constructor(connection: Connection, log: ProviderLog) {
    this.#options = clientOptionsOf(connection, log);
    this.#producer = new Producer({ ...this.#options, idempotent: true, retries: 3, retryDelay: 250 });
    this.#producer.on("error", (error: Error) => log.debug("the Kafka client reported an error", { error }));
  }

  /** Records are sent in order; after one that is to be retried, those behind it are too. */
  async publish(messages: readonly OutboundMessage[]): Promise<readonly PublishResult[]> {
    const results: PublishResult[] = Array.from({ length: messages.length }, () => ({
      outcome: "retry",
      reason: "an earlier record of its topic was not sent",
    }));
    for (const batch of batchesOf(messages.map((message, index) => prepare(message, index)))) {
      if (!(await this.#send(batch, results))) break;
    }
    return results;
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }

  /** False where a record of the batch is to be sent again. */
  async #send(batch: readonly Prepared[], results: PublishResult[]): Promise<boolean> {
    try {
      await this.#producer.send({ acks: -1, messages: batch.map(({ record }) => record) });
      for (const { index } of batch) results[index] = SENT;
      return true;
    } catch (error) {
      return this.#afterError(error as Error, batch, results);
    }
  }

  /** Kafka refuses a batch as a whole: it is sent in halves, until the guilty record is alone. */
  async #afterError(error: Error, batch: readonly Prepared[], results: PublishResult[]): Promise<boolean> {
    const topics = [...new Set(batch.map(({ record }) => record.topic))];
    const reason = toTriggerError(error, { servers: this.#options.bootstrapBrokers, topics }).message;
    const isRejected = hasApiError(error, REJECTIONS);
    if (isRejected && batch.length > 1) {
      const middle = Math.ceil(batch.length / 2);
      return (await this.#send(batch.slice(0, middle), results)) && (await this.#send(batch.slice(middle), results));
    }
    for (const { index } of batch) results[index] = { outcome: isRejected ? "rejected" : "retry", reason };
    return isRejected;
  }
}

function prepare(message: OutboundMessage, index: number): Prepared {
  const { topic } = message.params as KafkaTopicParams;
  const { key, headers, partition } = message.options as KafkaPublishOptions;
  const named = Object.entries(headers ?? {}).map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const);
  const record: MessageToProduce = {
    topic,
    value: Buffer.from(message.body.buffer, message.body.byteOffset, message.body.byteLength),
    headers: new Map([...named, [ID_HEADER, Buffer.from(message.id)]]),
    ...(key === undefined ? {} : { key: Buffer.from(key) }),
    ...(partition === undefined ? {} : { partition }),
  };
  return {
    index,
    record,
    bytes: message.body.byteLength + (key?.length ?? 0) + named.reduce((sum, [a, b]) => sum + a.length + b.length, 0),
  };
}
