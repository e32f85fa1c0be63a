import { TriggerError, type OpenTriggerContext } from "@millrace/sdk/provider";
import type { ClusterMetadata, GroupAssignment, ListCommitsOptions, Offsets } from "@platformatic/kafka";
import type { PartitionIdentity } from "./message.ts";
import { toSubscribedTopic, type SubscribedTopic } from "./positions.ts";

/** What is known of the subscribed topics: their ids, partitions and stored positions. */
export class SubscribedLogs {
  readonly #group: string;
  readonly #context: OpenTriggerContext;
  readonly #topics: Map<string, SubscribedTopic>;
  readonly #identities = new Map<string, PartitionIdentity[]>();
  /** Partitions that were assigned before: what the client has read of them is in its buffer. */
  readonly #seen = new Set<string>();

  constructor(topics: readonly SubscribedTopic[], group: string, context: OpenTriggerContext) {
    this.#group = group;
    this.#context = context;
    this.#topics = new Map(topics.map((topic) => [topic.name, topic]));
  }

  identityOf(topic: string, partition: number): PartitionIdentity {
    const known = this.#identities.get(topic) ?? [];
    const found = known[partition];
    if (found !== undefined) return found;
    const made = { source: this.#topic(topic).source, partition: String(partition), attributes: { topic, partition: String(partition) } };
    known[partition] = made;
    this.#identities.set(topic, known);
    return made;
  }

  nameOf(topicId: string): string | null {
    return [...this.#topics.values()].find((topic) => topic.id === topicId)?.name ?? null;
  }

  /**
   * Where each partition is to be read from: its stored position, or what the client has read already, if that is
   * more. A partition without a position is new, and begins at its beginning.
   */
  async positions(asked: ListCommitsOptions, readTo: ReadonlyMap<string, bigint>): Promise<Offsets> {
    const offsets: Offsets = new Map();
    for (const { topic: name, partitions } of asked.topics) {
      const stored = await this.#storedPositions(name, partitions);
      const found: bigint[] = [];
      for (const partition of partitions) {
        const key = `${name}:${partition}`;
        const position = stored.get(String(partition)) ?? 0n;
        const read = this.#seen.has(key) ? (readTo.get(key) ?? 0n) : 0n;
        found[partition] = read > position ? read : position;
        this.#seen.add(key);
      }
      offsets.set(name, found);
    }
    return offsets;
  }

  /** True where the group must be joined again for new partitions. @throws {TriggerError} TOPIC_RECREATED */
  async update(metadata: ClusterMetadata): Promise<boolean> {
    let hasNew = false;
    for (const known of this.#topics.values()) {
      const now = toSubscribedTopic(metadata, known.name, this.#group);
      if (now.id !== known.id) await this.#beginAnew(now);
      if (now.partitions === known.partitions) continue;
      this.#topics.set(now.name, now);
      hasNew = true;
    }
    return hasNew;
  }

  async lag(ends: Offsets, assignments: readonly GroupAssignment[]): Promise<number> {
    let lag = 0n;
    for (const { topic, partitions } of assignments) {
      const stored = await this.#context.positions(this.#topic(topic).source);
      for (const partition of partitions) {
        const waiting = (ends.get(topic)?.[partition] ?? 0n) - (stored.get(String(partition)) ?? 0n);
        if (waiting > 0n) lag += waiting;
      }
    }
    return Number(lag);
  }

  /** Its offsets begin anew, under another id. A recreated topic begins at its beginning, whatever the subscription says of topics it has not seen. */
  async #beginAnew(topic: SubscribedTopic): Promise<never> {
    const starts = new Map(Array.from({ length: topic.partitions }, (_, partition) => [String(partition), 0n] as const));
    await this.#context.startPositions(topic.source, starts);
    throw new TriggerError("TOPIC_RECREATED", `topic "${topic.name}" was deleted and created again: it is opened anew, from its beginning`);
  }

  async #storedPositions(name: string, partitions: readonly number[]): Promise<ReadonlyMap<string, bigint>> {
    const { source } = this.#topic(name);
    const stored = await this.#context.positions(source);
    const missing = partitions.filter((partition) => !stored.has(String(partition)));
    if (missing.length === 0) return stored;
    await this.#context.startPositions(source, new Map(missing.map((partition) => [String(partition), 0n])));
    return this.#context.positions(source);
  }

  #topic(name: string): SubscribedTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new Error(`expected one of the topics ${[...this.#topics.keys()].join(", ")}, got "${name}"`);
    return topic;
  }
}
