import type { Schema, Trigger } from "@millrace/sdk";
import { defineDestination, type Destination } from "@millrace/sdk/provider";
import type { SqsPublishOptions, SqsQueueParams, SqsTriggerParams } from "./params.ts";

export type { SqsPublishOptions, SqsQueueParams, SqsTriggerParams } from "./params.ts";

const DEFAULT_CONNECTION = "aws_default";

/** Waits for messages of an SQS queue. Needs the permissions `sqs:ReceiveMessage` and `sqs:DeleteMessage`, no other. */
export function sqsTrigger(options: SqsTriggerParams & { readonly connection?: string }): Trigger {
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
