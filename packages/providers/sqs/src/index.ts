import type { EventTrigger, Schema } from "@millrace/sdk";
import { defineDestination, type Destination } from "@millrace/sdk/provider";
import { DEFAULT_CONNECTION, type SqsPublishOptions, type SqsQueueParams, type SqsTriggerParams } from "./params.ts";

export type { SqsPublishOptions, SqsQueueParams, SqsTriggerParams } from "./params.ts";

/** Waits for messages of an SQS queue. Needs the permissions `sqs:ReceiveMessage` and `sqs:DeleteMessage`, no other. */
export function sqsTrigger(options: SqsTriggerParams & { readonly connection?: string }): EventTrigger {
  const { connection = DEFAULT_CONNECTION, ...params } = options;
  return { kind: "sqs", connection, params };
}

/** An SQS queue to publish to. Needs the permission `sqs:SendMessage`, no other. */
export function sqsQueue<Body = unknown>(
  options: SqsQueueParams & { readonly connection?: string; readonly schema?: Schema<unknown, Body> },
): Destination<Body, SqsPublishOptions> {
  const { connection = DEFAULT_CONNECTION, schema, ...params } = options;
  return defineDestination<Body, SqsPublishOptions>({ kind: "sqs", connection, params, schema });
}
