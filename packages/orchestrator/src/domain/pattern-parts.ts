import type { DagSnapshot, LegSnapshot, PatternSnapshot, SourceSnapshot } from "./dag-snapshot.ts";

type PatternOf<Kind extends PatternSnapshot["kind"]> = Extract<PatternSnapshot, { readonly kind: Kind }>;

/** What starts runs by itself: a pattern, or one in an `any` of patterns. */
export interface PatternPart {
  /** Where it is: "" for the whole pattern, "1" for the second of an `any`, "1.0" for the first of an `any` in there. */
  readonly path: string;
  readonly pattern: Exclude<PatternSnapshot, { readonly kind: "none" | "any" }>;
}
export type EventPart = PatternPart & { readonly pattern: PatternOf<"each" | "coalesce" | "all"> };
export type TimePart = PatternPart & { readonly pattern: PatternOf<"cron" | "every"> };

/** One place of a pattern that takes events: a source of a leg of a part. Slots are counted in the order they are written. */
export interface PatternSlot {
  readonly index: number;
  readonly source: SourceSnapshot;
  readonly part: string;
  /** Index into the part's legs; 0 where it has none. */
  readonly leg: number;
}

export function partsOf(pattern: PatternSnapshot, path = ""): readonly PatternPart[] {
  if (pattern.kind === "none") return [];
  if (pattern.kind !== "any") return [{ path, pattern }];
  return pattern.patterns.flatMap((part, index) => partsOf(part, path === "" ? String(index) : `${path}.${index}`));
}

export function isTimePart(part: PatternPart): part is TimePart {
  return part.pattern.kind === "cron" || part.pattern.kind === "every";
}

export function isEventPart(part: PatternPart): part is EventPart {
  return !isTimePart(part);
}

/** The legs of a pattern; one without a name where it has a single side. */
export function legsOf({ pattern }: EventPart): readonly LegSnapshot[] {
  return pattern.kind === "all" ? pattern.legs : [{ name: "", sources: pattern.sources }];
}

export function slotsOf(pattern: PatternSnapshot): readonly PatternSlot[] {
  const places = partsOf(pattern)
    .filter(isEventPart)
    .flatMap((part) => legsOf(part).flatMap(({ sources }, leg) => sources.map((source) => ({ source, part: part.path, leg }))));
  return places.map((place, index) => ({ index, ...place }));
}

/**
 * What a part is known by in rows that outlive an edit of the pattern: its kind and its assets, not its place or its
 * filters. `before`: the parts in front of it, of which an equal one is told apart by number.
 */
export function ruleOfPart(part: EventPart, before: readonly EventPart[]): string {
  const same = before.filter((other) => baseRuleOf(other) === baseRuleOf(part)).length;
  return same === 0 ? baseRuleOf(part) : `${baseRuleOf(part)} #${same + 1}`;
}

function baseRuleOf(part: EventPart): string {
  const legs = legsOf(part).map(({ sources }) => sources.map(({ asset }) => asset).join("|"));
  return `${part.pattern.kind} ${legs.join(" ")}`;
}

/** The names of the assets it waits for, each once. */
export function assetsOf(pattern: PatternSnapshot): readonly string[] {
  return [...new Set(slotsOf(pattern).map(({ source }) => source.asset))];
}

/** Every event that fits is a run of its own, made by the ingest itself; other patterns fold their events later. */
export function isDirect({ schedule, maxActiveRuns }: DagSnapshot): boolean {
  return schedule.kind === "each" && maxActiveRuns === null;
}

/** Where a DAG does not say: no limit, but one run at a time where it takes what has gathered, or runs by time. */
export function defaultMaxActiveRuns(pattern: PatternSnapshot): number | null {
  return partsOf(pattern).some((part) => part.pattern.kind === "coalesce" || isTimePart(part)) ? 1 : null;
}
