import type { EventTrigger, Schema } from "@millrace/sdk";
import { defineDestination, type Destination } from "@millrace/sdk/provider";
import { DEFAULT_CONNECTION, type KafkaPublishOptions, type KafkaTopicParams, type KafkaTriggerParams } from "./params.ts";

export type { KafkaPublishOptions, KafkaTopicParams, KafkaTriggerParams } from "./params.ts";

/** What `kafkaTrigger` takes: named topics, or those whose names match. */
export type KafkaTriggerOptions = Omit<KafkaTriggerParams, "topics" | "topicPattern"> & {
  readonly topics: readonly [string, ...string[]] | RegExp;
  readonly connection?: string;
};

/** Waits for the records of topics, as a member of a consumer group. @throws {TypeError} for a pattern that cannot be matched in linear time */
export function kafkaTrigger(options: KafkaTriggerOptions): EventTrigger {
  const { connection = DEFAULT_CONNECTION, topics, ...params } = options;
  if (!(topics instanceof RegExp)) return { kind: "kafka", connection, params: { ...params, topics } };
  return { kind: "kafka", connection, params: { ...params, topicPattern: patternOf(topics) } };
}

/** In the words of RE2, which has neither references nor assertions about what is beside a match. */
function patternOf({ source, flags }: RegExp): string {
  if (/\\[1-9k]|\(\?(?:[=!]|<[=!])/.test(source))
    throw new TypeError(`topics: expected a pattern without references and lookarounds, got /${source}/`);
  if (/[^iu]/.test(flags)) throw new TypeError(`topics: expected a pattern with no flag but i, got /${source}/${flags}`);
  return flags.includes("i") ? `(?i)${source}` : source;
}

/** A topic to publish to. */
export function kafkaTopic<Body = unknown>(
  options: KafkaTopicParams & { readonly connection?: string; readonly schema?: Schema<unknown, Body> },
): Destination<Body, KafkaPublishOptions> {
  const { connection = DEFAULT_CONNECTION, schema, ...params } = options;
  return defineDestination<Body, KafkaPublishOptions>({ kind: "kafka", connection, params, schema });
}
