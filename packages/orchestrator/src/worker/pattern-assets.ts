import type { AssetDefinition, PatternDefinition } from "@millrace/sdk/internal";

/** Every asset that a pattern waits for, as often as it is named. */
export function assetsOfPattern(pattern: PatternDefinition): readonly AssetDefinition[] {
  switch (pattern.kind) {
    case "each":
    case "coalesce":
      return pattern.sources.map(({ asset }) => asset);
    case "all":
      return pattern.legs.flatMap(({ sources }) => sources.map(({ asset }) => asset));
    case "any":
      return pattern.patterns.flatMap(assetsOfPattern);
    case "none":
    case "cron":
    case "every":
      return [];
  }
}

/** The part of a pattern that started a run, by its path (domain/pattern-parts.ts). */
export function patternAt(pattern: PatternDefinition, path: string): PatternDefinition {
  let part = pattern;
  for (const index of path === "" ? [] : path.split(".")) {
    const next = part.kind === "any" ? part.patterns[Number(index)] : undefined;
    if (next === undefined) throw new Error(`the DAG's pattern has no part '${path}'`);
    part = next;
  }
  return part;
}
