import { setTimeout as sleep } from "node:timers/promises";
import type { OpenTriggerContext } from "@millrace/sdk/provider";
import { Admin, type ClusterMetadata } from "@platformatic/kafka";
import type { ClientOptions } from "./connection.ts";
import { hasApiError } from "./error.ts";
import type { TopicPattern } from "./topic-pattern.ts";

const EARLIEST = -2n;
const LATEST = -1n;
const COORDINATOR_ERRORS = ["COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR"];
const COORDINATOR_ATTEMPTS = 20;
const COORDINATOR_RETRY_MS = 250;

export interface Subscription {
  readonly topics: readonly string[];
  /** What the topics were found by; null where they were named. */
  readonly pattern: TopicPattern | null;
  readonly group: string;
  readonly from: "earliest" | "latest";
}

/** A topic as it is now: a recreated one has another id, and positions of its own. */
export interface SubscribedTopic {
  readonly name: string;
  readonly id: string;
  /** Identity of its messages' log. */
  readonly source: string;
  readonly partitions: number;
}

/**
 * Before the first join: every partition gets a stored position, so that a message that arrives while nobody
 * reads is not skipped by the next start. One without a position begins at the group's commit, else where the
 * subscription says; a new partition of a topic that has positions begins at its beginning. Then the group's
 * commits are set to the stored positions.
 */
export async function preparePositions(
  options: ClientOptions,
  subscription: Subscription,
  context: OpenTriggerContext,
): Promise<SubscribedTopic[]> {
  const admin = new Admin({ ...options, retries: 1, retryDelay: 100 });
  try {
    const metadata = await admin.metadata({ topics: [...subscription.topics], forceUpdate: true });
    const topics = subscription.topics.map((name) => toSubscribedTopic(metadata, name, subscription.group));
    const committed = await onceCoordinated(() => readCommits(admin, subscription.group), context.signal);
    const positions = new Map<string, ReadonlyMap<string, bigint>>();
    for (const topic of topics) positions.set(topic.name, await prepareTopic(admin, topic, subscription, committed, context));
    await commit(admin, subscription.group, positions, committed, context);
    return topics;
  } finally {
    await admin.close();
  }
}

export function toSubscribedTopic(metadata: ClusterMetadata, name: string, group: string): SubscribedTopic {
  const topic = metadata.topics.get(name);
  if (topic === undefined) throw new Error(`expected metadata of topic "${name}", got none`);
  return { name, id: topic.id, source: `${metadata.id}/${group}/${topic.id}`, partitions: topic.partitionsCount };
}

async function prepareTopic(
  admin: Admin,
  topic: SubscribedTopic,
  subscription: Subscription,
  committed: ReadonlyMap<string, bigint>,
  context: OpenTriggerContext,
): Promise<ReadonlyMap<string, bigint>> {
  const stored = await context.positions(topic.source);
  const missing = Array.from({ length: topic.partitions }, (_, partition) => partition).filter(
    (partition) => !stored.has(String(partition)),
  );
  if (missing.length === 0) return stored;
  const isNew = stored.size === 0;
  const asked = missing.filter((partition) => !isNew || !committed.has(`${topic.name}:${partition}`));
  const listed = await listOffsets(admin, topic.name, asked, isNew && subscription.from === "latest" ? LATEST : EARLIEST);
  const starts = new Map(
    missing.map((partition) => [String(partition), listed.get(partition) ?? committed.get(`${topic.name}:${partition}`)!]),
  );
  await context.startPositions(topic.source, starts);
  context.log.info("reading begins", {
    topic: topic.name,
    starts: Object.fromEntries([...starts].map(([key, offset]) => [key, Number(offset)])),
  });
  return context.positions(topic.source);
}

async function listOffsets(admin: Admin, topic: string, partitions: readonly number[], timestamp: bigint): Promise<Map<number, bigint>> {
  if (partitions.length === 0) return new Map();
  const listed = await admin.listOffsets({
    topics: [{ name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp })) }],
  });
  return new Map(listed.flatMap((found) => found.partitions.map((p) => [p.partitionIndex, p.offset] as const)));
}

/** A cluster that has just started needs a moment until its groups have a coordinator. */
async function onceCoordinated<Result>(ask: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (attempt === COORDINATOR_ATTEMPTS || !hasApiError(error as Error, COORDINATOR_ERRORS)) throw error;
    }
    await sleep(COORDINATOR_RETRY_MS, undefined, { signal });
  }
}

async function readCommits(admin: Admin, group: string): Promise<ReadonlyMap<string, bigint>> {
  const groups = await admin.listConsumerGroupOffsets({ groups: [group] });
  const partitions = groups
    .flatMap((found) => found.topics)
    .flatMap((topic) => topic.partitions.map((p) => [`${topic.name}:${p.partitionIndex}`, p.committedOffset] as const));
  return new Map(partitions.filter(([, offset]) => offset >= 0n));
}

/** For those who look at the group's lag. A group with members refuses it: its members commit themselves. */
async function commit(
  admin: Admin,
  groupId: string,
  positions: ReadonlyMap<string, ReadonlyMap<string, bigint>>,
  committed: ReadonlyMap<string, bigint>,
  context: OpenTriggerContext,
): Promise<void> {
  const topics = [...positions].map(([name, offsets]) => ({
    name,
    partitionOffsets: [...offsets]
      .filter(([partition, offset]) => committed.get(`${name}:${partition}`) !== offset)
      .map(([partition, offset]) => ({ partition: Number(partition), offset })),
  }));
  const changed = topics.filter((topic) => topic.partitionOffsets.length > 0);
  if (changed.length === 0) return;
  try {
    await admin.alterConsumerGroupOffsets({ groupId, topics: changed });
  } catch (error) {
    context.log.debug("the group's commits were not set: it has members", { group: groupId, error });
  }
}
