import { checkOption, checkOptions, isRecord } from "./option-check.ts";
import type { EventTrigger } from "./trigger.ts";

/** What a delivery can be wrapped in. */
export const ENVELOPES = ["s3", "sns", "eventbridge", "cloudevents"] as const;
export type Envelope = (typeof ENVELOPES)[number];

export interface WatcherOptions {
  readonly trigger: EventTrigger | readonly EventTrigger[];
  /** What the messages are wrapped in, outermost first: `["sns", "s3"]` for S3's notifications that come over SNS. */
  readonly unwrap?: Envelope | readonly Envelope[];
  /**
   * CEL over `payload`, `headers` and `key` as they are after unwrapping: messages for which it is false, or cannot be
   * computed, are acknowledged, counted, and make no event.
   */
  readonly where?: string;
  /** CEL: what is stored as the event's payload, made of `payload`, `headers` and `key` as they are after unwrapping. */
  readonly payload?: string;
}

/** What listens on an asset's behalf. */
export type Watcher = EventTrigger | readonly EventTrigger[] | WatcherOptions;

export interface WatcherDefinition {
  readonly name: string;
  readonly triggers: readonly EventTrigger[];
  readonly unwrap: readonly Envelope[];
  readonly where: string | null;
  readonly payload: string | null;
}

const OPTIONS = ["trigger", "unwrap", "where", "payload"] as const satisfies readonly (keyof WatcherOptions)[];

/** @throws {DefinitionError} BAD_OPTION */
export function defineWatcher(what: string, name: string, watcher: unknown): WatcherDefinition {
  const it = `${what}: watcher '${name}'`;
  if (!isRecord(watcher) || "kind" in watcher)
    return { name, triggers: checkedTriggers(it, watcher), unwrap: [], where: null, payload: null };
  checkOptions(it, watcher, OPTIONS, []);
  const { trigger, unwrap, where, payload } = watcher;
  return {
    name,
    triggers: checkedTriggers(it, trigger),
    unwrap: checkedEnvelopes(it, unwrap ?? []),
    where: checkedExpression(`${it}: option 'where'`, where),
    payload: checkedExpression(`${it}: option 'payload'`, payload),
  };
}

function checkedExpression(what: string, text: unknown): string | null {
  if (text === undefined || text === null) return null;
  checkOption(what, typeof text === "string" && text !== "", "a CEL expression", text);
  return text as string;
}

function checkedTriggers(what: string, given: unknown): readonly EventTrigger[] {
  const triggers: readonly unknown[] = Array.isArray(given) ? given : [given];
  checkOption(what, triggers.length > 0, "at least one trigger", given);
  for (const trigger of triggers) {
    const isTrigger = isRecord(trigger) && typeof trigger["kind"] === "string" && isRecord(trigger["params"]);
    checkOption(what, isTrigger, "a trigger, such as kafkaTrigger({ … })", trigger);
    const { kind, for: purpose } = trigger as { readonly kind: string; readonly for?: unknown };
    const isEvent = purpose === undefined || purpose === "events";
    checkOption(what, isEvent, "an event trigger", `${kind}, which is only for deferral: it yields no events`);
  }
  return triggers as readonly EventTrigger[];
}

function checkedEnvelopes(what: string, given: unknown): readonly Envelope[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  const names: readonly string[] = ENVELOPES;
  const isGood = list.every((one) => typeof one === "string" && names.includes(one));
  checkOption(`${what}: option 'unwrap'`, isGood, `${names.map((name) => `"${name}"`).join(", ")}, or a list of them`, given);
  return list as readonly Envelope[];
}
