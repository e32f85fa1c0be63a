import type { LegSnapshot } from "../domain/dag-snapshot.ts";
import type { DagEntry } from "../domain/definitions.ts";
import { MillraceError } from "../domain/errors.ts";
import { isTimePart, legsOf, type PatternPart, partsOf } from "../domain/pattern-parts.ts";

/** One of the events that a run by hand is started with. */
export interface PayloadOfRun {
  readonly leg: number;
  readonly asset: string;
  readonly payload: unknown;
}

/** Which part of the pattern a run by hand is of: with a payload the first that takes events, else the first by time. */
export function partOfRun({ version }: DagEntry, payload: unknown): PatternPart | null {
  const parts = partsOf(version.snapshot.schedule);
  return parts.find((part) => isTimePart(part) === (payload === undefined)) ?? parts[0] ?? null;
}

/**
 * The payload for each leg of the part; for `all` it is a list of them, or an object by the names of the legs (in a
 * list: of their assets).
 * @throws {MillraceError} BAD_REQUEST, EVENT_NEEDED, BAD_PAYLOAD
 */
export function payloadsOfRun({ dagId }: DagEntry, part: PatternPart | null, payload: unknown): readonly PayloadOfRun[] {
  if (part === null || isTimePart(part)) {
    if (payload === undefined) return [];
    const message = `DAG '${dagId}' is not scheduled on an asset, so its runs have no event`;
    throw new MillraceError("BAD_REQUEST", message, { hint: "leave the payload out" });
  }
  const legs = legsOf(part as Parameters<typeof legsOf>[0]);
  if (payload === undefined) {
    const assets = legs.map((leg) => `'${assetOf(leg)}'`).join(", ");
    throw new MillraceError("EVENT_NEEDED", `DAG '${dagId}' is scheduled on asset ${assets}: its runs start with an event`);
  }
  if (part.pattern.kind !== "all") return [{ leg: 0, asset: assetOf(legs[0]!), payload }];
  return legs.map((leg, index) => ({ leg: index, asset: assetOf(leg), payload: payloadOfLeg(dagId, legs, leg, payload) }));
}

function assetOf({ sources }: LegSnapshot): string {
  return sources[0]!.asset;
}

function payloadOfLeg(dagId: string, legs: readonly LegSnapshot[], leg: LegSnapshot, payload: unknown): unknown {
  const values = (payload ?? {}) as Readonly<Record<string, unknown>>;
  const name = [leg.name, assetOf(leg)].find((candidate) => Object.hasOwn(values, candidate));
  if (name !== undefined) return values[name];
  const expected = legs.map((one) => (/^\d+$/.test(one.name) ? assetOf(one) : one.name)).join(", ");
  throw new MillraceError("BAD_PAYLOAD", `DAG '${dagId}' waits for several assets: expected an object of payloads by ${expected}`);
}
