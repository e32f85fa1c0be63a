import { attachDefinition, callSite } from "./definition.ts";
import type { Destination } from "./destination.ts";
import { checkOption, checkOptions } from "./option-check.ts";
import type { Schema } from "./schema.ts";
import type { EventTrigger } from "./trigger.ts";

/** A queue of any system that an installed provider knows. */
export interface MessageQueueOptions {
  /** Its URL: `kafka://host/topic`, `kafka:///topic`, `https://sqs.<region>.amazonaws.com/<account>/<name>`. */
  readonly queue: string;
  /** The system, where the URL cannot tell: `"sqs"` for one of LocalStack or behind a proxy. */
  readonly scheme?: string;
  /** By default the provider's, such as `kafka_default`; where that is not set, what the URL says will do. */
  readonly connection?: string;
}

const KIND = "message_queue";
const OPTIONS = ["queue", "scheme", "connection"] as const satisfies readonly (keyof MessageQueueOptions)[];

/**
 * Waits for the messages of a queue, given its URL alone.
 * @throws {DefinitionError} BAD_OPTION
 */
export function messageQueueTrigger(options: MessageQueueOptions): EventTrigger {
  checkOptions("messageQueueTrigger", options, OPTIONS, []);
  return { kind: KIND, ...checkedTarget("messageQueueTrigger", options) };
}

/**
 * A queue to publish to, given its URL alone. The options of `publish` are those of its provider.
 * @throws {DefinitionError} BAD_OPTION
 */
export function messageQueue<Body = unknown>(
  options: MessageQueueOptions & { readonly schema?: Schema<unknown, Body> },
): Destination<Body, Readonly<Record<string, unknown>>> {
  checkOptions("messageQueue", options, [...OPTIONS, "schema"], []);
  const { connection, params } = checkedTarget("messageQueue", options);
  const { schema } = options;
  const destination: Destination<Body, Readonly<Record<string, unknown>>> = { kind: KIND, connection, params, schema };
  const site = callSite();
  return attachDefinition(destination, {
    kind: "destination",
    destinationKind: KIND,
    connection,
    params,
    schema: schema ?? null,
    site,
  });
}

/** An empty connection is the provider's default: which provider it is, the loader finds out. */
function checkedTarget(what: string, { queue, scheme, connection = "" }: MessageQueueOptions): { connection: string; params: object } {
  checkOption(`${what}: option 'queue'`, typeof queue === "string" && queue !== "", "the URL of a queue", queue);
  for (const [name, value] of Object.entries({ scheme, connection })) {
    checkOption(`${what}: option '${name}'`, value === undefined || typeof value === "string", "a string", value);
  }
  return { connection, params: scheme === undefined ? { queue } : { queue, scheme } };
}
