import { randomUUID } from "node:crypto";
import { AclOperations, AclPermissionTypes, Admin, Consumer, Producer, ResourcePatternTypes, ResourceTypes } from "@platformatic/kafka";

export interface KafkaTestRecord {
  readonly value?: Buffer | string | null;
  readonly key?: Buffer | string | null;
  readonly headers?: Readonly<Record<string, string | Buffer>>;
  readonly partition?: number;
}

export interface KafkaReadRecord {
  readonly value: Buffer | null;
  readonly key: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
  readonly offset: bigint;
}

/** Prepares topics and looks into them. Holds connections only while a call is under way, so that no test process hangs on it. */
export class KafkaTestClient {
  readonly #options: { clientId: string; bootstrapBrokers: string[]; retries: number; retryDelay: number };

  constructor(url: string) {
    this.#options = { clientId: `millrace-test-${randomUUID().slice(0, 8)}`, bootstrapBrokers: [url], retries: 50, retryDelay: 100 };
  }

  /** The topic's name: random, so that tests on one broker stay apart. Resolves once its partitions have leaders. */
  async createTopic(options: { name?: string; partitions?: number; configs?: Readonly<Record<string, string>> } = {}): Promise<string> {
    const name = options.name ?? `test-${randomUUID()}`;
    const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }));
    await this.#withAdmin((admin) => admin.createTopics({ topics: [name], partitions: options.partitions ?? 1, replicas: 1, configs }));
    await this.#withAdmin((admin) => admin.metadata({ topics: [name], forceUpdate: true }));
    return name;
  }

  async deleteTopic(name: string): Promise<void> {
    await this.#withAdmin((admin) => admin.deleteTopics({ topics: [name] }));
  }

  /** Takes the right to read or write a topic from a user, whatever else allows it, until `undeny`. */
  async deny(topic: string, user: string, operation: "READ" | "WRITE"): Promise<void> {
    await this.#withAdmin((admin) => admin.createAcls({ creations: [denial(topic, user, operation)] }));
  }

  async undeny(topic: string, user: string, operation: "READ" | "WRITE"): Promise<void> {
    await this.#withAdmin((admin) => admin.deleteAcls({ filters: [denial(topic, user, operation)] }));
  }

  /** Raises the number of a topic's partitions to `count`. */
  async growTopic(name: string, count: number): Promise<void> {
    await this.#withAdmin((admin) => admin.createPartitions({ topics: [{ name, count, assignments: null }] }));
  }

  /** Resolves when the broker has all of them (acks of all replicas). */
  async produce(topic: string, records: readonly (KafkaTestRecord | Buffer | string)[]): Promise<void> {
    const messages = records.map((record) =>
      toMessage(topic, typeof record === "string" || Buffer.isBuffer(record) ? { value: record } : record),
    );
    const producer = new Producer({ ...this.#options, idempotent: true });
    try {
      await producer.send({ acks: -1, messages });
    } finally {
      await producer.close();
    }
  }

  /** All that a topic holds now, by partition and offset. */
  async read(topic: string): Promise<KafkaReadRecord[]> {
    const consumer = new Consumer({ ...this.#options, groupId: `test-read-${randomUUID()}` });
    try {
      const records = await readRecords(consumer, topic, await endsOf(consumer, topic));
      return records.sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
    } finally {
      await consumer.close(true);
    }
  }

  /** What a group has committed, by `topic:partition`; partitions without a commit are absent. */
  async committed(group: string): Promise<ReadonlyMap<string, bigint>> {
    const groups = await this.#withAdmin((admin) => admin.listConsumerGroupOffsets({ groups: [group] }));
    const topics = groups.flatMap((entry) => entry.topics);
    const partitions = topics.flatMap((topic) =>
      topic.partitions.map((p) => [`${topic.name}:${p.partitionIndex}`, p.committedOffset] as const),
    );
    return new Map(partitions.filter(([, offset]) => offset >= 0n));
  }

  /** The members that a group has now, by their ids. */
  async members(group: string): Promise<string[]> {
    const groups = await this.#withAdmin((admin) => admin.describeGroups({ groups: [group] }));
    return [...(groups.get(group)?.members.keys() ?? [])];
  }

  async #withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Admin(this.#options);
    try {
      return await use(admin);
    } finally {
      await admin.close();
    }
  }
}

function denial(topic: string, user: string, operation: "READ" | "WRITE"): Parameters<Admin["createAcls"]>[0]["creations"][number] {
  return {
    resourceType: ResourceTypes.TOPIC,
    resourceName: topic,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: `User:${user}`,
    host: "*",
    operation: AclOperations[operation],
    permissionType: AclPermissionTypes.DENY,
  };
}

function toMessage(topic: string, record: KafkaTestRecord): Parameters<Producer["send"]>[0]["messages"][number] {
  const headers = new Map(Object.entries(record.headers ?? {}).map(([key, value]) => [Buffer.from(key), Buffer.from(value)]));
  return {
    topic,
    headers,
    // The client writes a null of its own for what is absent.
    ...(record.value == null ? {} : { value: Buffer.from(record.value) }),
    ...(record.key == null ? {} : { key: Buffer.from(record.key) }),
    ...(record.partition === undefined ? {} : { partition: record.partition }),
  };
}

/** The end of each partition that is not empty. */
async function endsOf(consumer: Consumer, topic: string): Promise<Map<number, bigint>> {
  const latest = (await consumer.listOffsets({ topics: [topic], timestamp: -1n })).get(topic) ?? [];
  const earliest = (await consumer.listOffsets({ topics: [topic], timestamp: -2n })).get(topic) ?? [];
  return new Map([...latest.entries()].filter(([partition, end]) => end > (earliest[partition] ?? 0n)));
}

/** Longer than any fetch. */
const SILENCE_MS = 10_000;

/**
 * Reads up to the ends, not a number of records: retention may remove some meanwhile.
 * @throws {Error} where nothing more comes, as when it removed the last ones too: to be read again
 */
async function readRecords(consumer: Consumer, topic: string, ends: Map<number, bigint>): Promise<KafkaReadRecord[]> {
  const records: KafkaReadRecord[] = [];
  if (ends.size === 0) return records;
  const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false, maxWaitTime: 100 });
  const giveUp = (): void =>
    void stream.destroy(new Error(`topic ${topic}: expected records up to ${[...ends.values()].join(", ")}, none came`));
  let silence = setTimeout(giveUp, SILENCE_MS);
  for await (const message of stream) {
    clearTimeout(silence);
    silence = setTimeout(giveUp, SILENCE_MS);
    const headers = Object.fromEntries(message.headerEntries.map(([key, value]) => [String(key), String(value)]));
    const { value, key, partition, offset } = message;
    records.push({ value: value ?? null, key: key ?? null, headers, partition, offset });
    if (offset + 1n >= (ends.get(partition) ?? 0n)) ends.delete(partition);
    if (ends.size === 0) break;
  }
  clearTimeout(silence);
  return records;
}
