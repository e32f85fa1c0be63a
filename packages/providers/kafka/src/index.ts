import type { EventTrigger, Schema } from "@millrace/sdk";
import { defineDestination, type Destination } from "@millrace/sdk/provider";
import { DEFAULT_CONNECTION, type KafkaPublishOptions, type KafkaTopicParams, type KafkaTriggerParams } from "./params.ts";

export type { KafkaPublishOptions, KafkaTopicParams, KafkaTriggerParams } from "./params.ts";

/** Waits for the records of one or more topics, as a member of a consumer group. */
export function kafkaTrigger(options: KafkaTriggerParams & { readonly connection?: string }): EventTrigger {
  const { connection = DEFAULT_CONNECTION, ...params } = options;
  return { kind: "kafka", connection, params };
}

/** A topic to publish to. */
export function kafkaTopic<Body = unknown>(
  options: KafkaTopicParams & { readonly connection?: string; readonly schema?: Schema<unknown, Body> },
): Destination<Body, KafkaPublishOptions> {
  const { connection = DEFAULT_CONNECTION, schema, ...params } = options;
  return defineDestination<Body, KafkaPublishOptions>({ kind: "kafka", connection, params, schema });
}
