import type { LegDefinition, PatternDefinition, SourceDefinition } from "@millrace/sdk/internal";
import type { LegSnapshot, PatternSnapshot, SourceSnapshot } from "../domain/dag-snapshot.ts";

/** A pattern as data, with the text that a person would write for it. */
export function snapshotPattern(pattern: PatternDefinition): PatternSnapshot {
  switch (pattern.kind) {
    case "none":
      return { kind: "none", text: "none" };
    case "each":
    case "coalesce":
      return { kind: pattern.kind, text: singleText(pattern.kind, pattern.sources), sources: pattern.sources.map(snapshotSource) };
    case "all":
      return { kind: "all", text: `all(${legsText(pattern)})`, shape: pattern.shape, legs: pattern.legs.map(snapshotLeg) };
    case "any": {
      const patterns = pattern.patterns.map(snapshotPattern);
      return { kind: "any", text: `any([${patterns.map(({ text }) => text).join(", ")}])`, patterns };
    }
    case "cron":
      return { ...pattern, text: `cron(${JSON.stringify(pattern.expression)}${cronOptions(pattern)})` };
    case "every":
      return { ...pattern, text: `every("${durationText(pattern.intervalMs)}")` };
  }
}

function snapshotSource({ asset, where }: SourceDefinition): SourceSnapshot {
  return { asset: asset.name, where };
}

function snapshotLeg({ name, sources }: LegDefinition): LegSnapshot {
  return { name, sources: sources.map(snapshotSource) };
}

function singleText(kind: "each" | "coalesce", sources: readonly SourceDefinition[]): string {
  const [only] = sources;
  if (sources.length !== 1 || only === undefined) {
    return kind === "each" ? `any([${sources.map(sourceText).join(", ")}])` : `coalesce(any([${sources.map(sourceText).join(", ")}]))`;
  }
  return only.where === null ? `${kind}(${only.asset.name})` : `${kind}(${only.asset.name}, ${whereText(only.where)})`;
}

function sourceText({ asset, where }: SourceDefinition): string {
  return where === null ? asset.name : `each(${asset.name}, ${whereText(where)})`;
}

function whereText(where: string): string {
  return `{ where: ${JSON.stringify(where)} }`;
}

function legsText({ shape, legs }: Extract<PatternDefinition, { kind: "all" }>): string {
  const texts = legs.map(({ sources }) =>
    sources.length === 1 ? sourceText(sources[0]!) : `any([${sources.map(sourceText).join(", ")}])`,
  );
  if (shape === "list") return `[${texts.join(", ")}]`;
  return `{ ${legs.map(({ name }, index) => `${name}: ${texts[index]}`).join(", ")} }`;
}

function cronOptions({ timeZone, startAt, catchup }: Extract<PatternDefinition, { kind: "cron" }>): string {
  const options = [
    ...(timeZone === "UTC" ? [] : [`timeZone: "${timeZone}"`]),
    ...(startAt === null ? [] : [`start: "${new Date(startAt).toISOString()}"`]),
    ...(catchup ? ["catchup: true"] : []),
  ];
  return options.length === 0 ? "" : `, { ${options.join(", ")} }`;
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

function durationText(ms: number): string {
  const [unit, size] = UNITS.find(([, candidate]) => ms % candidate === 0) ?? ["ms", 1];
  return `${ms / size}${unit}`;
}
