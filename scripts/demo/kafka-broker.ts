import { randomUUID } from "node:crypto";
import { Admin, Consumer, Producer, stringDeserializers } from "@platformatic/kafka";
import type { Broker } from "./broker.ts";
import { DemoError } from "./demo-error.ts";

type Connection = {
  readonly clientId: string;
  readonly bootstrapBrokers: string[];
  readonly retries: number;
  readonly connectTimeout: number;
};
type Position = { readonly topic: string; readonly partition: number; readonly offset: bigint };

const PARTITIONS = 3;
const CONNECT_TIMEOUT_MS = 5_000;
const RETRY_DELAY_MS = 250;
const RETRIES = 20;

/** A cluster that runs already. Its topics are made where they are missing, and stay. */
export class KafkaBroker implements Broker {
  readonly kind = "Kafka topic";
  readonly environment: Readonly<Record<string, string>>;
  readonly #connection: Connection;
  readonly #producer: Producer;
  readonly #from: readonly Position[];
  /** The server's: it goes with the demo, as the server's files do. */
  readonly #group = newGroup();

  private constructor(connection: Connection, from: readonly Position[]) {
    this.#connection = connection;
    this.#from = from;
    this.#producer = new Producer({ ...connection, idempotent: true, retries: 3 });
    const extra = { "bootstrap.servers": connection.bootstrapBrokers.join(","), "group.id": this.#group };
    this.environment = { MILLRACE_CONN_KAFKA_DEFAULT: JSON.stringify({ conn_type: "kafka", extra }) };
  }

  /** @throws {DemoError} where no broker answers at `address`, as `host:port`, or it does not let topics be made */
  static async connect(address: string, topics: readonly string[]): Promise<KafkaBroker> {
    const once = {
      clientId: "millrace-demo",
      bootstrapBrokers: [address],
      retries: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      timeout: 15_000,
    };
    const present = await withAdmin(once, (admin) => admin.listTopics()).catch((cause: unknown) => {
      const message = `no Kafka answered at '${address}': ${innermost(cause).message}`;
      throw new DemoError(message, "give the host:port of a broker that runs and needs no login, such as --kafka localhost:9092", {
        cause,
      });
    });
    // Every broker knows a new topic only a moment after it is made.
    const connection = { ...once, retries: RETRIES, retryDelay: RETRY_DELAY_MS };
    try {
      await createTopics(connection, topics, present);
      return new KafkaBroker(connection, await endsOf(connection, topics));
    } catch (cause) {
      const message = `the topics ${topics.join(", ")} could not be prepared on '${address}': ${innermost(cause).message}`;
      throw new DemoError(message, "make them yourself, or let this client make topics", { cause });
    }
  }

  async send(topic: string, messages: readonly string[]): Promise<void> {
    await this.#producer.send({ acks: -1, messages: messages.map((value) => ({ topic, value: Buffer.from(value) })) });
  }

  async receive(topic: string, onMessage: (body: string) => void, signal: AbortSignal): Promise<void> {
    const groupId = newGroup();
    const consumer = new Consumer({ ...this.#connection, retries: true, groupId, deserializers: stringDeserializers });
    try {
      const stream = await consumer.consume({
        topics: [topic],
        mode: "manual",
        offsets: this.#from.filter((position) => position.topic === topic),
        autocommit: false,
        maxWaitTime: 200,
      });
      signal.addEventListener("abort", () => void stream.close(), { once: true });
      if (signal.aborted) return;
      for await (const { value } of stream) onMessage(value ?? "");
    } finally {
      await consumer.close(true);
      await this.#deleteGroup(groupId);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#producer.close();
    await this.#deleteGroup(this.#group);
  }

  /** A group that cannot be deleted now is forgotten by the broker in time. */
  async #deleteGroup(group: string): Promise<void> {
    await withAdmin(this.#connection, (admin) => admin.deleteGroups({ groups: [group] })).catch(() => undefined);
  }
}

function newGroup(): string {
  return `millrace-demo-${randomUUID()}`;
}

async function createTopics(connection: Connection, topics: readonly string[], present: readonly string[]): Promise<void> {
  await withAdmin(connection, async (admin) => {
    const missing = topics.filter((topic) => !present.includes(topic));
    if (missing.length > 0) await admin.createTopics({ topics: missing, partitions: PARTITIONS, replicas: -1 });
    await admin.metadata({ topics: [...topics], forceUpdate: true });
  });
}

async function endsOf(connection: Connection, topics: readonly string[]): Promise<readonly Position[]> {
  const consumer = new Consumer({ ...connection, groupId: newGroup() });
  try {
    const ends = await consumer.listOffsets({ topics: [...topics], timestamp: -1n });
    return [...ends].flatMap(([topic, offsets]) => offsets.map((offset, partition) => ({ topic, partition, offset })));
  } finally {
    await consumer.close(true);
  }
}

async function withAdmin<T>(connection: Connection, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin(connection);
  try {
    return await use(admin);
  } finally {
    await admin.close();
  }
}

/** The client hides causes deep in `errors`. */
function innermost(error: unknown): Error {
  if (error instanceof AggregateError && error.errors.length > 0) return innermost(error.errors[0]);
  if (error instanceof Error && error.cause !== undefined) return innermost(error.cause);
  return error instanceof Error ? error : new Error(String(error));
}
