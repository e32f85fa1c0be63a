import { assetDefinition, type Asset } from "./asset.ts";
import type { AssetEvent } from "./asset-event.ts";
import type { Cel } from "./cel.ts";
import type { Cron } from "./cron.ts";
import type { PatternDefinition } from "./definition.ts";
import { DefinitionError, notYetSupported } from "./definition-error.ts";
import type { Duration } from "./duration.ts";
import type { EventOf, EventSource, RawPayloadOf } from "./event-source.ts";
import { checkOption, checkOptions, quote } from "./option-check.ts";

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
  assetDefinition("each", source);
  checkOptions("each", options, ["where"], ["key", "maxActive", "eventTime", "order", "maxActivePerKey"]);
  const { where } = options;
  checkOption("each: option 'where'", where === undefined || typeof where === "string", "a CEL expression as a string", where);
  return { kind: "each", options: { source, where } };
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

/** @throws {DefinitionError} NOT_YET_SUPPORTED */
export function coalesce<S extends EventSource, const W extends string = string>(
  _source: S,
  _options: Where<Cel<W, RawPayloadOf<S>>> = {},
): Pattern<BatchInput<"coalesce", EventOf<S>>> {
  return notYetSupported("the pattern `coalesce`");
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
/** @throws {DefinitionError} NOT_YET_SUPPORTED */
export function all<const L extends Legs, const K extends string = string, const T extends "run" | "drop" = "drop">(
  _legs: L,
  _options: AllOptions<Cel<K, RawPayloadOf<LegOf<L>>>, T> = {},
): Pattern<JoinInput<"all", T extends "run" ? Maybe<L> : Latest<L>, EveryOf<L>, JoinKey<L, K>>> {
  return notYetSupported("the pattern `all`");
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
/** @throws {DefinitionError} NOT_YET_SUPPORTED */
export function any<L extends EventSource>(legs: readonly L[]): AnySource<EventOf<L>, RawPayloadOf<L>>;
export function any<L extends EventSource | Pattern>(legs: readonly L[]): Pattern<InputOf<L>>;
export function any(_legs: readonly object[]): never {
  return notYetSupported("the pattern `any`");
}

// Time ---------------------------------------------------------------------------------------------------------------

export interface CronOptions {
  timeZone?: string;
  start?: string;
  catchup?: boolean;
}
/** @throws {DefinitionError} NOT_YET_SUPPORTED */
export function cron<const S extends string>(_expression: Cron<S>, _options: CronOptions = {}): Pattern<TimeInput<"cron">> {
  return notYetSupported("the pattern `cron`");
}
/** @throws {DefinitionError} NOT_YET_SUPPORTED */
export function every(_interval: Duration): Pattern<TimeInput<"every">> {
  return notYetSupported("the pattern `every`");
}

/**
 * What `schedule` says.
 * @throws {DefinitionError} BAD_OPTION, NOT_YET_SUPPORTED
 */
export function patternDefinition(what: string, schedule: unknown): PatternDefinition {
  if (schedule === undefined || schedule === null) return { kind: "none" };
  if (Array.isArray(schedule)) return notYetSupported(`${what}: a list of assets as schedule`);
  const pattern = schedule as { kind?: unknown; options?: { source?: unknown; where?: string | undefined } };
  if (pattern.kind === "asset") return { kind: "each", asset: assetDefinition(what, schedule), where: null };
  if (pattern.kind === "each" && pattern.options !== undefined) {
    return { kind: "each", asset: assetDefinition(what, pattern.options.source), where: pattern.options.where ?? null };
  }
  const message = `${what}: expected an asset or a pattern such as each(asset, { where }) as schedule, got ${quote(schedule)}`;
  throw new DefinitionError("BAD_OPTION", message, "give an asset made with defineAsset, or leave schedule out");
}
