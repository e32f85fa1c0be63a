import type { PatternDefinition } from "@millrace/sdk/internal";

/** An event as tasks see it, and the leg of the pattern that it took. */
export interface StartingEvent {
  readonly leg: number;
  readonly event: { readonly asset: string };
}

/** The fields of a task's context that say what started its run (packages/sdk/src/pattern.ts). */
export function startOf(pattern: PatternDefinition, starting: readonly StartingEvent[]): object {
  const events = starting.map(({ event }) => event);
  const triggeringAssetEvents: Record<string, object[]> = {};
  for (const event of events) (triggeringAssetEvents[event.asset] ??= []).push(event);
  return { ...fieldsOf(pattern, starting, events), key: undefined, triggeringAssetEvents };
}

function fieldsOf(pattern: PatternDefinition, starting: readonly StartingEvent[], events: readonly object[]): object {
  switch (pattern.kind) {
    case "none":
      return { pattern: "manual", event: undefined, events };
    case "each":
      return { pattern: "each", event: events[0], events };
    case "all":
      return { pattern: "all", ...legsOf(pattern, starting) };
    case "coalesce":
    case "cron":
    case "every":
    case "any":
      return { pattern: pattern.kind, event: undefined, events };
  }
}

/** Array in, array out; record in, record out: `event` is the newest of each leg. */
function legsOf({ shape, legs }: Extract<PatternDefinition, { kind: "all" }>, starting: readonly StartingEvent[]): object {
  const perLeg = legs.map((_, index) => starting.filter(({ leg }) => leg === index).map(({ event }) => event));
  const newest = perLeg.map((events) => events.at(-1));
  if (shape === "list") return { event: newest, events: perLeg };
  const named = <Value>(values: readonly Value[]): object => Object.fromEntries(legs.map(({ name }, index) => [name, values[index]]));
  return { event: named(newest), events: named(perLeg) };
}
