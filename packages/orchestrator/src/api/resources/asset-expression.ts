import type { PatternSnapshot, SourceSnapshot } from "../../domain/dag-snapshot.ts";

export interface AssetReference {
  readonly name: string;
  readonly uri: string;
  readonly group: string;
}

type Expression = Record<string, unknown>;

/** Airflow's tree of the assets that a DAG waits for: `{ asset }`, `{ all }`, `{ any }`; null where it waits for none. */
export function toAssetExpression(schedule: PatternSnapshot, assets: ReadonlyMap<string, AssetReference>): Expression | null {
  const anyOf = (parts: readonly Expression[]): Expression | null => (parts.length > 1 ? { any: parts } : (parts[0] ?? null));
  const anySource = (sources: readonly SourceSnapshot[]): Expression | null =>
    anyOf(sources.map(({ asset }) => ({ asset: assets.get(asset) ?? null })));
  switch (schedule.kind) {
    case "each":
    case "coalesce":
      return anySource(schedule.sources);
    case "all":
      return { all: schedule.legs.map(({ sources }) => anySource(sources)) };
    case "any":
      return anyOf(schedule.patterns.map((part) => toAssetExpression(part, assets)).filter((part) => part !== null));
    case "none":
    case "cron":
    case "every":
      return null;
  }
}
