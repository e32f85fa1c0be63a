import type { DestinationKind, Provider, TriggerKind } from "@millrace/sdk/provider";
import {
  canonicalQueueUrl,
  canonicalTrigger,
  publishSchema,
  queueSchema,
  triggerSchema,
  type SqsQueueParams,
  type SqsTriggerParams,
} from "./params.ts";
import { SqsPublisher } from "./publisher.ts";
import { openSqsTrigger } from "./trigger.ts";

const trigger: TriggerKind<SqsTriggerParams> = {
  params: triggerSchema,
  sharing: "competing",
  canonical: canonicalTrigger,
  queues: (params) => [canonicalQueueUrl(params.queueUrl)],
  open: openSqsTrigger,
};

const queue: DestinationKind<SqsQueueParams> = {
  params: queueSchema,
  options: publishSchema,
  lane: (params) => canonicalQueueUrl(params.queueUrl),
  openPublisher: async (connection) => new SqsPublisher(connection),
};

export const provider: Provider = { name: "sqs", connTypes: ["aws", "sqs"], triggers: { sqs: trigger }, destinations: { sqs: queue } };
