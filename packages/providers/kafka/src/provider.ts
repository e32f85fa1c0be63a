import type { DestinationKind, Provider, TriggerKind } from "@millrace/sdk/provider";
import {
  canonicalTrigger,
  messageOptions,
  publishSchema,
  readLogs,
  topicSchema,
  triggerSchema,
  type KafkaTopicParams,
  type KafkaTriggerParams,
} from "./params.ts";
import { completeConnection, kafkaQueues } from "./queue.ts";

const trigger: TriggerKind<KafkaTriggerParams> = {
  params: triggerSchema,
  sharing: "competing",
  canonical: canonicalTrigger,
  // Each group reads all of a topic: triggers with groups of their own take nothing from each other.
  queues: readLogs,
  completeConnection,
  // The client is loaded when it is first needed: it takes half a second and 50 MB.
  open: async (params, connection, context) => (await import("./trigger.ts")).openKafkaTrigger(params, connection, context),
};

const topic: DestinationKind<KafkaTopicParams> = {
  params: topicSchema,
  options: publishSchema,
  lane: ({ topic, bootstrapServers }) => (bootstrapServers === undefined ? topic : `${topic} ${bootstrapServers}`),
  completeConnection,
  messageOptions,
  openPublisher: async (connection, { log }) => new (await import("./publisher.ts")).KafkaPublisher(connection, log),
};

export const provider: Provider = {
  name: "kafka",
  connTypes: ["kafka"],
  triggers: { kafka: trigger },
  destinations: { kafka: topic },
  queues: kafkaQueues,
  testConnection: async (connection, context) => (await import("./test-connection.ts")).testKafkaConnection(connection, context),
};
