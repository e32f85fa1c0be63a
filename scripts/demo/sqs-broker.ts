import { fileURLToPath } from "node:url";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { Broker } from "./broker.ts";
import { Child, type ChildOptions } from "./child.ts";
import { DemoError } from "./demo-error.ts";

const QUEUE_SERVER = fileURLToPath(new URL("queue-server/main.ts", import.meta.url));
const CREDENTIALS = { accessKeyId: "demo", secretAccessKey: "demo" };
const BATCH = 10;

/** A queue server of the demo's own, in memory, on a random port; its clients are AWS's. */
export class SqsBroker implements Broker {
  readonly kind = "SQS queue";
  readonly environment: Readonly<Record<string, string>>;
  readonly #child: Child;
  readonly #client: SQSClient;
  readonly #urls = new Map<string, string>();

  private constructor(address: string, child: Child) {
    this.#child = child;
    this.#client = new SQSClient({ endpoint: address, region: "us-east-1", credentials: CREDENTIALS });
    const { accessKeyId: login, secretAccessKey: password } = CREDENTIALS;
    // A short poll, so that a stop is quick.
    const extra = { endpoint_url: address, region_name: "us-east-1", wait_time_seconds: 1 };
    this.environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify({ conn_type: "aws", login, password, extra }) };
  }

  static async start(queues: readonly string[], onEarlyExit: ChildOptions["onEarlyExit"]): Promise<SqsBroker> {
    const child = new Child({ name: "the queue server (fauxqs)", args: [QUEUE_SERVER], env: process.env, onEarlyExit });
    try {
      const [, address] = await child.waitForLine(/listening at (http:\S+)/);
      const broker = new SqsBroker(address!, child);
      for (const name of queues) await broker.#createQueue(name);
      return broker;
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  async send(queue: string, messages: readonly string[]): Promise<void> {
    for (let start = 0; start < messages.length; start += BATCH) {
      const Entries = messages.slice(start, start + BATCH).map((MessageBody, index) => ({ Id: String(index), MessageBody }));
      const { Failed = [] } = await this.#client.send(new SendMessageBatchCommand({ QueueUrl: this.#urls.get(queue), Entries }));
      const [failure] = Failed;
      if (failure !== undefined)
        throw new DemoError(`the queue server refused a message: ${failure.Message}`, "please report this as a bug");
    }
  }

  async receive(queue: string, onMessage: (body: string) => void, signal: AbortSignal): Promise<void> {
    const QueueUrl = this.#urls.get(queue);
    while (!signal.aborted) {
      const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: BATCH, WaitTimeSeconds: 1 });
      const { Messages = [] } = await this.#client.send(receive);
      for (const { Body } of Messages) onMessage(Body ?? "");
      if (Messages.length === 0) continue;
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      await this.#client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    await this.#child.stop();
  }

  async #createQueue(name: string): Promise<void> {
    const { QueueUrl } = await this.#client.send(new CreateQueueCommand({ QueueName: name }));
    this.#urls.set(name, QueueUrl!);
  }
}
