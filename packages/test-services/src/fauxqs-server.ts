import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
  type Message,
} from "@aws-sdk/client-sqs";
import { ChildServer, findFreePorts } from "./child-server.ts";

export interface FauxqsOptions {
  /** Queues and messages outlive `kill`; without it they are in memory. */
  readonly persistence?: boolean;
  /** Kept by `stop`; by default a temporary folder. */
  readonly dataDir?: string;
  readonly port?: number;
}

export interface SqsTestMessage {
  readonly body: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly groupId?: string;
  readonly deduplicationId?: string;
}

/** A server that speaks SQS's wire protocol, and a client to prepare and look into its queues. */
export class FauxqsServer {
  /** http://127.0.0.1:port: a connection's `extra.endpoint_url`. */
  readonly url: string;
  readonly #server: ChildServer;
  readonly #client: SQSClient;

  constructor(url: string, server: ChildServer) {
    this.url = url;
    this.#server = server;
    this.#client = new SQSClient({
      endpoint: url,
      region: "us-east-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 10,
    });
  }

  get pid(): number | undefined {
    return this.#server.pid;
  }

  /** What MILLRACE_CONN_<ID> holds to reach this server. */
  connection(): { conn_type: "aws"; login: string; password: string; extra: { region_name: string; endpoint_url: string } } {
    return { conn_type: "aws", login: "test", password: "test", extra: { region_name: "us-east-1", endpoint_url: this.url } };
  }

  /** The queue's URL at this server. A name that ends in `.fifo` makes a FIFO queue. */
  async createQueue(options: { name?: string; attributes?: Readonly<Record<string, string>> } = {}): Promise<string> {
    const name = options.name ?? `test-${randomUUID()}`;
    const fifo: Record<string, string> = name.endsWith(".fifo") ? { FifoQueue: "true" } : {};
    const made = await this.#client.send(new CreateQueueCommand({ QueueName: name, Attributes: { ...fifo, ...options.attributes } }));
    if (made.QueueUrl === undefined) throw new Error(`expected a queue URL for ${name}, got none`);
    return `${this.url}${new URL(made.QueueUrl).pathname}`;
  }

  async deleteQueue(queueUrl: string): Promise<void> {
    await this.#client.send(new DeleteQueueCommand({ QueueUrl: queueUrl }));
  }

  /** Resolves when the server has all of them. */
  async send(queueUrl: string, messages: readonly (SqsTestMessage | string)[]): Promise<void> {
    const all = messages.map((message) => (typeof message === "string" ? { body: message } : message));
    for (let at = 0; at < all.length; at += 10) {
      const Entries = all.slice(at, at + 10).map((message, index) => toEntry(message, String(index)));
      const sent = await this.#client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      if (sent.Failed?.length) throw new Error(`expected all messages to be taken, got ${JSON.stringify(sent.Failed)}`);
    }
  }

  /** Takes what is visible now out of the queue (received and deleted), in the order it came. */
  async receive(queueUrl: string): Promise<Message[]> {
    const all: Message[] = [];
    for (;;) {
      const command = new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: 10,
        MessageSystemAttributeNames: ["All"],
        MessageAttributeNames: ["All"],
      });
      const { Messages: messages = [] } = await this.#client.send(command);
      if (messages.length === 0) return all;
      all.push(...messages);
      const Entries = messages.map((message, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle }));
      await this.#client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
    }
  }

  /** `visible` wait to be received, `inFlight` were received and not deleted yet. */
  async count(queueUrl: string): Promise<{ visible: number; inFlight: number }> {
    const { Attributes: attributes } = await this.#client.send(
      new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ["All"] }),
    );
    const visible =
      Number(attributes?.["ApproximateNumberOfMessages"] ?? 0) + Number(attributes?.["ApproximateNumberOfMessagesDelayed"] ?? 0);
    return { visible, inFlight: Number(attributes?.["ApproximateNumberOfMessagesNotVisible"] ?? 0) };
  }

  /** Same port and data after `kill`. */
  async start(): Promise<void> {
    await this.#server.start();
  }

  async kill(): Promise<void> {
    await this.#server.kill();
  }

  async stop(): Promise<void> {
    this.#client.destroy();
    await this.#server.stop();
  }
}

function toEntry(message: SqsTestMessage, id: string): NonNullable<SendMessageBatchCommand["input"]["Entries"]>[number] {
  const attributes = Object.entries(message.attributes ?? {});
  return {
    Id: id,
    MessageBody: message.body,
    ...(attributes.length === 0
      ? {}
      : { MessageAttributes: Object.fromEntries(attributes.map(([name, StringValue]) => [name, { DataType: "String", StringValue }])) }),
    ...(message.groupId === undefined ? {} : { MessageGroupId: message.groupId }),
    ...(message.deduplicationId === undefined ? {} : { MessageDeduplicationId: message.deduplicationId }),
  };
}

let shared: Promise<FauxqsServer> | null = null;

/** The in-memory server this process shares, started on first use; it ends with the process. Tests stay apart by queue names. */
export function sharedFauxqs(): Promise<FauxqsServer> {
  shared ??= startFauxqs();
  return shared;
}

export async function startFauxqs(options: FauxqsOptions = {}): Promise<FauxqsServer> {
  const port = options.port ?? (await findFreePorts(1))[0]!;
  const url = `http://127.0.0.1:${port}`;
  const server = new ChildServer({ name: "fauxqs", dir: options.dataDir }, (dir) => ({
    file: process.execPath,
    args: [join(fileURLToPath(import.meta.resolve("fauxqs")), "..", "server.js")],
    env: {
      FAUXQS_PORT: String(port),
      FAUXQS_LOGGER: "false",
      FAUXQS_PERSISTENCE: String(options.persistence ?? options.dataDir !== undefined),
      FAUXQS_DATA_DIR: dir,
    },
    isReady: async () => (await fetch(`${url}/health`)).ok,
  }));
  await server.start();
  return new FauxqsServer(url, server);
}
