// The first door of a provider, as the type tests need one: a trigger and a destination with options of its own.
import { defineDestination, type Destination, type EventTrigger, type Schema } from "@millrace/sdk/provider";

export function topicTrigger(options: { connection?: string; topics: readonly [string, ...string[]] }): EventTrigger {
  const { connection = "topic_default", ...params } = options;
  return { kind: "topic", connection, params };
}

export function topic<Body = unknown>(options: {
  connection?: string;
  topic: string;
  schema?: Schema<unknown, Body>;
}): Destination<Body, { key?: string; headers?: Record<string, string> }> {
  const { connection = "topic_default", schema, ...params } = options;
  return defineDestination({ kind: "topic", connection, params, schema });
}
