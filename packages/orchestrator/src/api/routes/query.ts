import { Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { PageRequest, TimeRange } from "../../domain/reads.ts";

/** A greater limit is taken as this one, as Airflow does with its own maximum. */
const MAX_LIMIT = 1_000;

export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 0, default: 50, description: `at most ${MAX_LIMIT} are given` })),
  offset: Type.Optional(Type.Integer({ minimum: 0, default: 0 })),
  order_by: Type.Optional(Type.Array(Type.String(), { description: "prefix `-` for descending order" })),
};

interface PageParameters {
  readonly limit?: number;
  readonly offset?: number;
  readonly order_by?: readonly string[];
}

/**
 * `orders`: the attributes that all put rows in the order of the list, as Airflow calls them.
 * @throws {MillraceError} BAD_REQUEST for another order
 */
export function readPage(query: PageParameters, orders: readonly string[]): PageRequest {
  const [first = orders[0]!, ...more] = query.order_by ?? [];
  const name = first.replace(/^-/, "");
  if (!orders.includes(name) || more.some((next) => !orders.includes(next.replace(/^-/, "")))) {
    throw new MillraceError(
      "BAD_REQUEST",
      `query parameter 'order_by': expected ${orders.join(" or ")}, with or without '-', got '${[first, ...more].join(",")}'`,
    );
  }
  const order = first.startsWith("-") ? "descending" : "ascending";
  return { limit: Math.min(query.limit ?? 50, MAX_LIMIT), offset: query.offset ?? 0, order };
}

/** One page of a list that is in memory, in ascending order there. */
export function pageOf<Row>(rows: readonly Row[], { limit, offset, order }: PageRequest): readonly Row[] {
  const ordered = order === "descending" ? rows.toReversed() : rows;
  return ordered.slice(offset, offset + limit);
}

const BOUNDS = ["gte", "gt", "lte", "lt"] as const;
type Bound = (typeof BOUNDS)[number];

/** Query parameters `<name>_gte`, `_gt`, `_lte`, `_lt`. */
export function timeQuery<Name extends string>(name: Name) {
  const entries = BOUNDS.map((bound) => [`${name}_${bound}`, Type.Optional(Type.String({ format: "date-time" }))] as const);
  return Object.fromEntries(entries) as Record<`${Name}_${Bound}`, (typeof entries)[number][1]>;
}

/** Instants are whole milliseconds, so "after T" is "from T + 1". */
export function readTimeRange<Name extends string>(query: { readonly [key in `${Name}_${Bound}`]?: string }, name: Name): TimeRange {
  const at = (bound: Bound): number | undefined => {
    const text = query[`${name}_${bound}`];
    return text === undefined ? undefined : Date.parse(text);
  };
  const next = (instant: number | undefined): number | undefined => (instant === undefined ? undefined : instant + 1);
  return { from: greatest(at("gte"), next(at("gt"))), before: least(at("lt"), next(at("lte"))) };
}

function greatest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** A list's query: unknown parameters are refused, since a filter that is not applied gives a wrong answer. */
export function queryObject<Properties extends Parameters<typeof Type.Object>[0]>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false });
}
