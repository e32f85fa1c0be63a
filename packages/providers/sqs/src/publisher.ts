import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from "@aws-sdk/client-sqs";
import type { Connection, OutboundMessage, ProviderLog, Publisher, PublishResult } from "@millrace/sdk/provider";
import { addressOf, openClient } from "./connection.ts";
import { isPermanent, toTriggerError } from "./error.ts";
import { regionOf, type SqsPublishOptions, type SqsQueueParams } from "./params.ts";
import { batchesOf } from "./publish-batch.ts";

/** A standard queue keeps no order, so its batches may be under way together. */
const MAX_IN_FLIGHT = 4;
const SENT: PublishResult = { outcome: "sent" };

interface Prepared {
  readonly index: number;
  readonly entry: Omit<SendMessageBatchRequestEntry, "Id">;
  readonly bytes: number;
}

/** One client per region; SQS's own retry is off, because it gives a second copy without its message being marked. */
export class SqsPublisher implements Publisher {
  readonly #connection: Connection;
  readonly #log: ProviderLog;
  readonly #clients = new Map<string, SQSClient>();

  constructor(connection: Connection, log: ProviderLog) {
    this.#connection = connection;
    this.#log = log;
  }

  async publish(messages: readonly OutboundMessage[]): Promise<readonly PublishResult[]> {
    const results: PublishResult[] = Array.from({ length: messages.length }, () => ({
      outcome: "retry",
      reason: "an earlier message of its queue was not sent",
    }));
    const queues = Map.groupBy(messages.keys(), (index) => (messages[index]!.params as SqsQueueParams).queueUrl);
    await Promise.all([...queues].map(([queueUrl, indexes]) => this.#publishTo(queueUrl, messages, indexes, results)));
    return results;
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) client.destroy();
  }

  async #publishTo(
    queueUrl: string,
    messages: readonly OutboundMessage[],
    indexes: readonly number[],
    results: PublishResult[],
  ): Promise<void> {
    const isFifo = queueUrl.endsWith(".fifo");
    const prepared: Prepared[] = [];
    for (const index of indexes) {
      const entry = toEntry(messages[index]!, isFifo);
      if (typeof entry === "string") results[index] = { outcome: "rejected", reason: entry };
      else prepared.push({ index, entry, bytes: Buffer.byteLength(entry.MessageBody ?? "") });
    }
    const batches = batchesOf(prepared);
    const send = async (): Promise<void> => {
      for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
        if (!(await this.#send(queueUrl, batch, results)) && isFifo) batches.length = 0;
      }
    };
    await Promise.all(Array.from({ length: isFifo ? 1 : MAX_IN_FLIGHT }, () => send()));
  }

  /** False where a message of the batch is to be sent again. */
  async #send(queueUrl: string, batch: readonly Prepared[], results: PublishResult[]): Promise<boolean> {
    const Entries = batch.map(({ entry }, at) => ({ ...entry, Id: String(at) }));
    const address = addressOf(queueUrl, this.#connection);
    try {
      const { Failed: failed = [] } = await this.#client(queueUrl).send(new SendMessageBatchCommand({ QueueUrl: address, Entries }));
      for (const { index } of batch) results[index] = SENT;
      for (const { Id, Code, Message, SenderFault } of failed) {
        const reason = `SQS did not take it: ${Code ?? "unknown"}: ${Message ?? ""}`;
        results[batch[Number(Id)]!.index] = SenderFault === true ? { outcome: "rejected", reason } : { outcome: "retry", reason };
      }
      return batch.every(({ index }) => results[index]!.outcome !== "retry");
    } catch (error) {
      return this.#afterError(error, queueUrl, batch, results);
    }
  }

  /** A refused batch is sent message by message, so that one bad message does not take nine others with it. */
  async #afterError(error: unknown, queueUrl: string, batch: readonly Prepared[], results: PublishResult[]): Promise<boolean> {
    const explained = toTriggerError(error, addressOf(queueUrl, this.#connection), "sqs:SendMessage");
    const isRefused = isPermanent(explained) && explained.code === "REQUEST_REFUSED";
    if (isRefused && batch.length > 1) {
      for (const one of batch) if (!(await this.#send(queueUrl, [one], results))) return false;
      return true;
    }
    for (const { index } of batch) results[index] = { outcome: isRefused ? "rejected" : "retry", reason: explained.message };
    return isRefused;
  }

  #client(queueUrl: string): SQSClient {
    const region = regionOf(queueUrl) ?? "";
    const client = this.#clients.get(region) ?? openClient(this.#connection, queueUrl, { maxAttempts: 1, log: this.#log });
    this.#clients.set(region, client);
    return client;
  }
}

/** The request's entry, or the reason why SQS can never take this message. */
function toEntry(message: OutboundMessage, isFifo: boolean): Omit<SendMessageBatchRequestEntry, "Id"> | string {
  const options = message.options as SqsPublishOptions;
  const body = decodeBody(message.body);
  if (body === null) return "expected a body of UTF-8 text, got bytes: SQS takes text only";
  if (body === "") return "expected a body of at least one character, got an empty one: SQS takes no empty message";
  if (isFifo && options.groupId === undefined)
    return "expected a groupId, got none: a FIFO queue needs `publish(queue, body, { groupId })`";
  const headers = { ...options.headers, "millrace-message-id": message.id };
  return {
    MessageBody: body,
    MessageAttributes: Object.fromEntries(
      Object.entries(headers).map(([name, StringValue]) => [name, { DataType: "String", StringValue }]),
    ),
    ...(options.delaySeconds === undefined || isFifo ? {} : { DelaySeconds: options.delaySeconds }),
    ...(options.groupId === undefined ? {} : { MessageGroupId: options.groupId }),
    ...(isFifo ? { MessageDeduplicationId: options.deduplicationId ?? message.id } : {}),
  };
}

function decodeBody(body: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return null;
  }
}
