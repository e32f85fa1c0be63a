import type { BurstRow } from "./scenarios/burst.ts";
import type { LatencyRow } from "./scenarios/latency.ts";
import { formatMs } from "./statistics.ts";

export interface Ratios {
  readonly latencies: LatencyRow[];
  readonly bursts: BurstRow[];
  readonly chains: BurstRow[];
}

interface Line {
  readonly what: string;
  readonly figures: ReadonlyMap<string, number>;
  readonly format: (value: number) => string;
}

/** One table of all systems: their figures, and how many times ours lies in each. Absolute figures are the machine's, ratios less so. */
export function printRatios(found: Ratios, ours: string): void {
  const lines = [...latencyLines(found.latencies), ...burstLines(found)].filter(({ figures }) => figures.size > 0);
  const systems = [...new Set(lines.flatMap(({ figures }) => [...figures.keys()]))];
  const others = systems.filter((system) => system !== ours);
  if (others.length === 0 || !systems.includes(ours)) return;
  const title = (name: string): string => name.padStart(12);
  console.log("\nSide by side");
  console.log(`${" ".repeat(28)}${systems.map(title).join("")}${others.map((other) => title(`: ${other}`)).join("")}`);
  for (const { what, figures, format } of lines) {
    const cells = systems.map((system) => title(figures.has(system) ? format(figures.get(system)!) : "–"));
    const mine = figures.get(ours);
    const ratios = others.map((other) => title(mine === undefined || !figures.has(other) ? "–" : formatRatio(mine / figures.get(other)!)));
    console.log(what.padEnd(28) + cells.join("") + ratios.join(""));
  }
  console.log(`\n': other' is ${ours} divided by the other one, in the same run`);
}

function latencyLines(rows: readonly LatencyRow[]): Line[] {
  const rates = [...new Set(rows.map(({ perSecond }) => perSecond))];
  return rates.flatMap((rate) => {
    const at = rows.filter(({ perSecond }) => perSecond === rate);
    const line = (what: string, field: "p50" | "p99" | "cpuMsPerEvent"): Line => ({
      what: `${what} at ${rate}/s`,
      figures: new Map(at.map((row) => [row.system, row[field]])),
      format: formatMs,
    });
    return [line("p50 ms", "p50"), line("p99 ms", "p99"), line("CPU ms/event", "cpuMsPerEvent")];
  });
}

function burstLines({ bursts, chains }: Ratios): Line[] {
  const line = (what: string, rows: readonly BurstRow[]): Line => ({
    what,
    figures: new Map(rows.map(({ system, runsPerSecond }) => [system, runsPerSecond])),
    format: (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0)),
  });
  return [line("one-task runs/s", bursts), line("three-task chains/s", chains)];
}

function formatRatio(ratio: number): string {
  if (ratio >= 10) return `${ratio.toFixed(0)}x`;
  return ratio >= 0.1 ? `${ratio.toFixed(2)}x` : `1/${(1 / ratio).toFixed(0)}`;
}
