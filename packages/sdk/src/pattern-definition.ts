import { findDefinition, type LegDefinition, type PatternDefinition, type SourceDefinition } from "./definition.ts";
import { DefinitionError } from "./definition-error.ts";
import { checkOption, isRecord, quote } from "./option-check.ts";

// What patterns are at run time: values of `{ kind, options }`, whose options are the definition's fields.

interface PatternValue {
  readonly kind?: unknown;
  readonly options?: { readonly sources?: readonly SourceDefinition[]; readonly patterns?: readonly PatternDefinition[] };
}

/** What yields one event at a time: an asset, `each`, or `any` of those; null for anything else. */
export function sourcesOf(value: unknown): readonly SourceDefinition[] | null {
  const definition = findDefinition(value);
  if (definition?.kind === "asset") return [{ asset: definition, where: null }];
  const { kind, options } = (value ?? {}) as PatternValue;
  return kind === "each" || kind === "any" ? (options?.sources ?? null) : null;
}

/** @throws {DefinitionError} BAD_OPTION */
function expectSources(what: string, value: unknown): readonly SourceDefinition[] {
  const sources = sourcesOf(value);
  checkOption(what, sources !== null, 'an asset, made with defineAsset("name"), or each(asset, { where }), or any([…]) of those', value);
  return sources ?? [];
}

/** @throws {DefinitionError} BAD_OPTION */
export function filterSources(what: string, source: unknown, where: unknown): readonly SourceDefinition[] {
  checkOption(`${what}: option 'where'`, where === undefined || typeof where === "string", "a CEL expression as a string", where);
  const sources = expectSources(what, source);
  if (typeof where !== "string") return sources;
  const both = (inner: string | null): string => (inner === null ? where : `(${inner}) && (${where})`);
  return sources.map((one) => ({ asset: one.asset, where: both(one.where) }));
}

/** @throws {DefinitionError} BAD_OPTION */
export function legsOf(what: string, legs: unknown): readonly LegDefinition[] {
  const isLegs = (Array.isArray(legs) || isRecord(legs)) && Object.keys(legs).length > 0;
  checkOption(what, isLegs, "a list or a record of at least one asset", legs);
  return Object.entries(legs as object).map(([name, leg]) => ({ name, sources: expectSources(`${what}: leg '${name}'`, leg) }));
}

const PATTERNS: readonly unknown[] = ["coalesce", "all", "any", "cron", "every"];

/**
 * What `schedule` says: an asset alone waits like `each`, a list of one like `coalesce`, of several like `all`, as in Airflow.
 * @throws {DefinitionError} BAD_OPTION
 */
export function patternDefinition(what: string, schedule: unknown): PatternDefinition {
  if (schedule === undefined || schedule === null) return { kind: "none" };
  if (Array.isArray(schedule)) return listDefinition(`${what}: schedule`, schedule);
  const sources = sourcesOf(schedule);
  if (sources !== null) return { kind: "each", sources };
  const { kind, options } = schedule as PatternValue;
  if (PATTERNS.includes(kind) && isRecord(options)) return { kind, ...options } as PatternDefinition;
  const message = `${what}: expected an asset or a pattern such as each(asset, { where }) as schedule, got ${quote(schedule)}`;
  throw new DefinitionError("BAD_OPTION", message, "give an asset made with defineAsset, or leave schedule out");
}

function listDefinition(what: string, list: readonly unknown[]): PatternDefinition {
  const [only] = list;
  if (list.length === 1) return { kind: "coalesce", sources: expectSources(what, only) };
  return { kind: "all", shape: "list", legs: legsOf(what, list) };
}
