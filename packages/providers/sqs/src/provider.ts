import type { DestinationKind, Provider, TriggerKind } from "@millrace/sdk/provider";
import {
  canonicalQueueUrl,
  canonicalTrigger,
  messageOptions,
  publishSchema,
  queueSchema,
  triggerSchema,
  type SqsQueueParams,
  type SqsTriggerParams,
} from "./params.ts";
import { completeConnection, sqsQueues } from "./queue.ts";

const trigger: TriggerKind<SqsTriggerParams> = {
  params: triggerSchema,
  sharing: "competing",
  canonical: canonicalTrigger,
  queues: (params) => [canonicalQueueUrl(params.queueUrl)],
  completeConnection,
  // The client is loaded when it is first needed: it takes 25 MB.
  open: async (params, connection, context) => (await import("./trigger.ts")).openSqsTrigger(params, connection, context),
};

const queue: DestinationKind<SqsQueueParams> = {
  params: queueSchema,
  options: publishSchema,
  lane: (params) => canonicalQueueUrl(params.queueUrl),
  completeConnection,
  messageOptions,
  openPublisher: async (connection, { log }) => new (await import("./publisher.ts")).SqsPublisher(connection, log),
};

export const provider: Provider = {
  name: "sqs",
  connTypes: ["aws", "sqs"],
  triggers: { sqs: trigger },
  destinations: { sqs: queue },
  queues: {
    ...sqsQueues,
    find: async (name, connection, context) => (await import("./find-queue.ts")).findQueue(name, connection, context),
  },
  testConnection: async (connection, context) => (await import("./test-connection.ts")).testSqsConnection(connection, context),
};
