import type { DestinationKind } from "@millrace/sdk/provider";

/** Of triggers and topics that name none. */
export const DEFAULT_CONNECTION = "kafka_default";

/** Of a trigger, as data: it has either `topics` or `topicPattern`. */
export interface KafkaTriggerParams {
  readonly topics?: readonly [string, ...string[]];
  /** RE2, found anywhere in a name. Topics that come to match are read from their beginning, within 15 s. */
  readonly topicPattern?: string;
  /** Before the connection's `group.id` and Millrace's own, which stays the same when topics are edited. */
  readonly groupId?: string;
  /** Where to begin when neither Millrace nor the group has a position. Before the connection's `auto.offset.reset`; else `latest`. */
  readonly from?: "earliest" | "latest";
  /** `host:9092,other:9092`, where the connection names no servers. */
  readonly bootstrapServers?: string;
}

/** What `kafkaTopic` takes. */
export interface KafkaTopicParams {
  readonly topic: string;
  /** `host:9092,other:9092`, where the connection names no servers. */
  readonly bootstrapServers?: string;
}

/** Options of `publish` to a topic. */
export interface KafkaPublishOptions {
  /** Records of one key go to one partition and keep their order. */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly partition?: number;
}

/** Kafka's own rule for names. */
export const TOPIC_PATTERN = "^[a-zA-Z0-9._-]{1,249}$";
const SERVER = "(?:\\[[0-9a-fA-F:.]+\\]|[^\\s:/,@]+)(?::\\d{1,5})?";
export const SERVERS_PATTERN = `^${SERVER}(?:,${SERVER})*$`;

const topic = { type: "string", pattern: TOPIC_PATTERN, description: "a topic's name" };
const bootstrapServers = { type: "string", pattern: SERVERS_PATTERN, description: "host:9092,other:9092" };

export const triggerSchema = {
  type: "object",
  properties: {
    topics: { type: "array", items: topic, minItems: 1, uniqueItems: true },
    topicPattern: { type: "string", minLength: 1 },
    groupId: { type: "string", pattern: "^\\S+$" },
    from: { enum: ["earliest", "latest"] },
    bootstrapServers,
  },
  anyOf: [{ required: ["topics"] }, { required: ["topicPattern"] }],
  not: { required: ["topics", "topicPattern"] },
  additionalProperties: false,
} as const;

export const topicSchema = {
  type: "object",
  properties: { topic, bootstrapServers },
  required: ["topic"],
  additionalProperties: false,
} as const;

export const publishSchema = {
  type: "object",
  properties: {
    key: { type: "string" },
    headers: { type: "object", additionalProperties: { type: "string" } },
    partition: { type: "integer", minimum: 0 },
  },
  additionalProperties: false,
} as const;

/** A record sent by hand. */
export function messageOptions({ key, headers }: Parameters<NonNullable<DestinationKind["messageOptions"]>>[0]): KafkaPublishOptions {
  return { headers, ...(key === null ? {} : { key }) };
}

export function canonicalTrigger(params: KafkaTriggerParams): string {
  const topics = params.topics?.toSorted((a, b) => (a < b ? -1 : 1)) ?? { pattern: params.topicPattern };
  return JSON.stringify([topics, params.groupId ?? null, params.from ?? null, params.bootstrapServers ?? null]);
}

/** Two different triggers that name one group would share out a topic's partitions. Millrace's own groups are one per watcher. */
export function readLogs({ groupId, topics, topicPattern }: KafkaTriggerParams): readonly string[] {
  if (groupId === undefined) return [];
  return (topics ?? [`/${topicPattern}/`]).map((topic) => `${topic} in the group ${groupId}`);
}
