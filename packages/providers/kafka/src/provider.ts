import type { DestinationKind, Provider, TriggerKind } from "@millrace/sdk/provider";
import { canonicalTrigger, publishSchema, topicSchema, triggerSchema, type KafkaTopicParams, type KafkaTriggerParams } from "./params.ts";
import { KafkaPublisher } from "./publisher.ts";
import { openKafkaTrigger } from "./trigger.ts";

const trigger: TriggerKind<KafkaTriggerParams> = {
  params: triggerSchema,
  sharing: "competing",
  canonical: canonicalTrigger,
  // Each group reads all of a topic: two triggers take nothing from each other.
  queues: () => [],
  open: openKafkaTrigger,
};

const topic: DestinationKind<KafkaTopicParams> = {
  params: topicSchema,
  options: publishSchema,
  lane: (params) => params.topic,
  openPublisher: async (connection, { log }) => new KafkaPublisher(connection, log),
};

export const provider: Provider = { name: "kafka", connTypes: ["kafka"], triggers: { kafka: trigger }, destinations: { kafka: topic } };
