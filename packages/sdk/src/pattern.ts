import type { Asset } from "./asset.ts";
import type { AssetEvent } from "./asset-event.ts";
import type { Cel } from "./cel.ts";
import type { Cron } from "./cron.ts";
import { notYetSupported } from "./definition-error.ts";
import type { Duration } from "./duration.ts";
import { parseDuration } from "./duration.ts";
import type { EventOf, EventSource, RawPayloadOf } from "./event-source.ts";
import { checkOption, checkOptions } from "./option-check.ts";
import { filterSources, legsOf, patternDefinition, sourcesOf } from "./pattern-definition.ts";

declare const inputType: unique symbol;

/** What a run was started with. Every pattern fills the same four fields, so a union of patterns destructures. */
export interface RunInput {
  readonly pattern: string;
  readonly event: unknown;
  readonly events: unknown;
  readonly key: string | undefined;
}
export interface EachInput<E, Key = undefined> {
  readonly pattern: "each";
  readonly event: E;
  readonly events: readonly [E];
  readonly key: Key;
}
export interface BatchInput<Kind, E, Key = undefined> {
  readonly pattern: Kind;
  readonly event: undefined;
  readonly events: readonly E[];
  readonly key: Key;
}
export interface JoinInput<Kind, Latest, Every, Key = undefined> {
  readonly pattern: Kind;
  readonly event: Latest;
  readonly events: Every;
  readonly key: Key;
}
export interface AbsenceInput<E, Key = undefined> {
  readonly pattern: "absence";
  readonly event: undefined;
  readonly events: readonly [];
  readonly key: Key;
  readonly lastEvent: E | undefined;
}
export interface TimeInput<Kind> {
  readonly pattern: Kind;
  readonly event: undefined;
  readonly events: readonly [];
  readonly key: undefined;
}

/** What a DAG waits for. */
export interface Pattern<Input extends RunInput = RunInput> {
  readonly kind: Input["pattern"] | "any";
  readonly options: object;
  readonly [inputType]?: Input | undefined;
}
export interface Each<E extends AssetEvent, Key extends string | undefined, RawPayload = unknown>
  extends Pattern<EachInput<E, Key>>, EventSource<E, RawPayload> {
  readonly kind: "each";
}

type KeyOf<K> = string extends K ? undefined : string;

export type Schedule = EventSource | Pattern | readonly EventSource[] | null;

/** What a DAG with this schedule is started with; a list of one asset waits like `coalesce`. */
export type InputOf<S> = S extends Asset | (EventSource & { readonly kind: "assetsMatching" })
  ? EachInput<EventOf<S>>
  : S extends Pattern<infer I>
    ? I
    : S extends readonly [infer One extends EventSource]
      ? BatchInput<"coalesce", EventOf<One>>
      : S extends readonly EventSource[]
        ? JoinInput<"all", Latest<S>, EveryOf<S>>
        : TimeInput<"manual">;

// One source ---------------------------------------------------------------------------------------------------------

interface Where<W> {
  /** CEL over `payload`, as it arrives: events for which it is false start no run. */
  where?: W;
}
interface EachBase<W, K> extends Where<W> {
  key?: K;
  maxActive?: number;
  eventTime?: string;
}
interface Keyed<W, K> extends EachBase<W, K> {
  key: K;
  order?: "key" | "none";
  maxActivePerKey?: number;
}
interface Unkeyed<W> extends EachBase<W, never> {
  key?: never;
  order?: "none";
  maxActivePerKey?: "needs `key`";
}
export type EachOptions<W, K> = Keyed<W, K> | Unkeyed<W>;

/**
 * One run for every event of the asset that passes `where`.
 * @throws {DefinitionError} BAD_OPTION, NOT_YET_SUPPORTED
 */
export function each<S extends EventSource, const W extends string = string, const K extends string = string>(
  source: S,
  options: EachOptions<Cel<W, RawPayloadOf<S>>, Cel<K, RawPayloadOf<S>>> = {},
): Each<EventOf<S>, KeyOf<K>, RawPayloadOf<S>> {
  checkOptions("each", options, ["where"], ["key", "maxActive", "eventTime", "order", "maxActivePerKey"]);
  return { kind: "each", options: { sources: filterSources("each", source, options.where) } };
}

interface BatchOptions<W, K> extends Where<W> {
  maxEvents?: number;
  maxWait: Duration;
  maxBytes?: number;
  key?: K;
}
/** @throws {DefinitionError} NOT_YET_SUPPORTED */
export function batch<S extends EventSource, const W extends string = string, const K extends string = string>(
  _source: S,
  _options: BatchOptions<Cel<W, RawPayloadOf<S>>, Cel<K, RawPayloadOf<S>>>,
): Pattern<BatchInput<"batch", EventOf<S>, KeyOf<K>>> {
  return notYetSupported("the pattern `batch`");
}

interface DebounceOptions<W, K> extends Where<W> {
  quiet: Duration;
  maxWait?: Duration;
  key?: K;
}
/** @throws {DefinitionError} NOT_YET_SUPPORTED */
export function debounce<S extends EventSource, const W extends string = string, const K extends string = string>(
  _source: S,
  _options: DebounceOptions<Cel<W, RawPayloadOf<S>>, Cel<K, RawPayloadOf<S>>>,
): Pattern<BatchInput<"debounce", EventOf<S>, KeyOf<K>>> {
  return notYetSupported("the pattern `debounce`");
}

/**
 * One run for all that is pending: what arrives while it runs waits for the next one. A run takes at most 10,000 events.
 * @throws {DefinitionError} BAD_OPTION, NOT_YET_SUPPORTED
 */
export function coalesce<S extends EventSource, const W extends string = string>(
  source: S,
  options: Where<Cel<W, RawPayloadOf<S>>> = {},
): Pattern<BatchInput<"coalesce", EventOf<S>>> {
  checkOptions("coalesce", options, ["where"], []);
  return { kind: "coalesce", options: { sources: filterSources("coalesce", source, options.where) } };
}

interface AbsenceOptions<W, K> extends Where<W> {
  within: Duration;
  key?: K;
}
/** @throws {DefinitionError} NOT_YET_SUPPORTED */
export function absence<S extends EventSource, const W extends string = string, const K extends string = string>(
  _source: S,
  _options: AbsenceOptions<Cel<W, RawPayloadOf<S>>, Cel<K, RawPayloadOf<S>>>,
): Pattern<AbsenceInput<EventOf<S>, KeyOf<K>>> {
  return notYetSupported("the pattern `absence`");
}

// Several sources: array in, array out; record in, record out, like Promise.all --------------------------------------

/** A leg is an asset, or `each(asset, { where, key })`, or `any` of those. */
export type Legs = readonly EventSource[] | Readonly<Record<string, EventSource>>;
type Latest<L> = { readonly [I in keyof L]: EventOf<L[I]> };
type Maybe<L> = { readonly [I in keyof L]: EventOf<L[I]> | undefined };
type EveryOf<L> = { readonly [I in keyof L]: readonly EventOf<L[I]>[] };
type LegOf<L> = L extends readonly (infer S)[] ? S : L[keyof L];
type JoinKey<L, K> = string extends K ? (LegOf<L> extends Each<any, string> ? string : undefined) : string;

/** `key` is for legs that do not bring their own. */
export interface AllOptions<K, T> {
  key?: K;
  within?: Duration;
  keep?: "all" | "latest" | "first";
  onTimeout?: T;
  eventTime?: string;
  allowedLateness?: Duration;
}
/**
 * One run once every leg has an event; it takes all that is pending, and `event` is the newest of each leg.
 * @throws {DefinitionError} BAD_OPTION, NOT_YET_SUPPORTED
 */
export function all<const L extends Legs, const K extends string = string, const T extends "run" | "drop" = "drop">(
  legs: L,
  options: AllOptions<Cel<K, RawPayloadOf<LegOf<L>>>, T> = {},
): Pattern<JoinInput<"all", T extends "run" ? Maybe<L> : Latest<L>, EveryOf<L>, JoinKey<L, K>>> {
  checkOptions("all", options, [], ["key", "within", "keep", "onTimeout", "eventTime", "allowedLateness"]);
  return { kind: "all", options: { shape: Array.isArray(legs) ? "list" : "record", legs: legsOf("all", legs) } };
}

export interface SequenceOptions<K> {
  key?: K;
  within: Duration;
}
/** @throws {DefinitionError} NOT_YET_SUPPORTED */
export function sequence<const L extends readonly EventSource[], const K extends string = string>(
  _legs: L,
  _options: SequenceOptions<Cel<K, RawPayloadOf<LegOf<L>>>>,
): Pattern<JoinInput<"sequence", Latest<L>, EveryOf<L>, JoinKey<L, K>>> {
  return notYetSupported("the pattern `sequence`");
}

/** Of sources: one event, told apart by `event.asset`. Of patterns: their inputs, told apart by `pattern`. */
export interface AnySource<E extends AssetEvent, RawPayload = unknown> extends Pattern<EachInput<E>>, EventSource<E, RawPayload> {
  readonly kind: "any";
}
/**
 * Of sources: a run for each event of any of them. Of patterns: a run whenever one of them is met, each by itself.
 * @throws {DefinitionError} BAD_OPTION
 */
export function any<L extends EventSource>(legs: readonly L[]): AnySource<EventOf<L>, RawPayloadOf<L>>;
export function any<L extends EventSource | Pattern>(legs: readonly L[]): Pattern<InputOf<L>>;
export function any(legs: readonly object[]): never {
  checkOption("any", Array.isArray(legs) && legs.length > 0, "a list of at least one asset or pattern", legs);
  const isSources = legs.every((leg) => sourcesOf(leg) !== null);
  const options = isSources
    ? { sources: legs.flatMap((leg) => sourcesOf(leg) ?? []) }
    : { patterns: legs.map((leg, index) => patternDefinition(`any: part ${index + 1}`, leg)) };
  return { kind: "any", options } as never;
}

// Time ---------------------------------------------------------------------------------------------------------------

export interface CronOptions {
  /** An IANA name, as in `Europe/Berlin`; UTC without it. */
  timeZone?: string;
  /** ISO 8601: nothing runs for a time before it. */
  start?: string;
  /** A run for each time that passed, since `start` or while the server was down; without it, for the last one only. */
  catchup?: boolean;
}
/**
 * A run at each time of a cron expression of five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
 * A local time that does not exist runs at the next one that does; one that comes twice runs once.
 * @throws {DefinitionError} BAD_OPTION
 */
export function cron<const S extends string>(expression: Cron<S>, options: CronOptions = {}): Pattern<TimeInput<"cron">> {
  checkOptions("cron", options, ["timeZone", "start", "catchup"], []);
  const { timeZone = "UTC", start, catchup = false } = options;
  checkOption("cron", typeof expression === "string", "an expression of five fields (minute hour day month weekday)", expression);
  checkOption("cron: option 'timeZone'", isTimeZone(timeZone), "the IANA name of a time zone, such as Europe/Berlin", timeZone);
  checkOption("cron: option 'catchup'", typeof catchup === "boolean", "true or false", catchup);
  const startAt = start === undefined ? null : Date.parse(start);
  checkOption("cron: option 'start'", !Number.isNaN(startAt), "an instant in ISO 8601, such as 2026-01-01T00:00:00Z", start);
  return { kind: "cron", options: { expression, timeZone, startAt, catchup } };
}

function isTimeZone(name: unknown): boolean {
  try {
    return typeof name === "string" && Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}

/**
 * A run at each multiple of the interval, counted from 1970-01-01T00:00Z: `every("15m")` runs at :00, :15, :30 and :45.
 * @throws {DefinitionError} BAD_DURATION, BAD_OPTION
 */
export function every(interval: Duration): Pattern<TimeInput<"every">> {
  const intervalMs = parseDuration(interval, "every");
  checkOption("every", intervalMs >= MIN_INTERVAL_MS, "an interval of at least one second", interval);
  return { kind: "every", options: { intervalMs } };
}

const MIN_INTERVAL_MS = 1_000;
