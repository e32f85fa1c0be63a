import type { Load } from "../load.ts";
import { cpuMs } from "../process-tree.ts";
import { countStarts, readStarts } from "../recorder.ts";
import { formatMs, summarize } from "../statistics.ts";
import type { SystemUnderTest } from "../systems/system.ts";

/** Not counted: code is cold at first. */
const WARM_UP_RECORDS = 2_000;

export interface LatencyRow {
  readonly system: string;
  readonly perSecond: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly cpuMsPerEvent: number;
}

/** Record sent → first line of the task's function, at steady rates. */
export async function measureLatency(
  system: SystemUnderTest,
  load: Load,
  rates: readonly number[],
  seconds: number,
): Promise<LatencyRow[]> {
  await load.burst(WARM_UP_RECORDS);
  let expected = WARM_UP_RECORDS;
  await waitForStarts(system, expected);
  const rows: LatencyRow[] = [];
  for (const perSecond of rates) {
    const cpuBefore = cpuMs(system.pid);
    const sent = await load.steady(perSecond, seconds);
    const before = expected;
    expected += sent;
    await waitForStarts(system, expected);
    const cpu = cpuMs(system.pid) - cpuBefore;
    const delays = readStarts(system.starts)
      .slice(before)
      .map(({ sentAt, startedAt }) => startedAt - sentAt);
    rows.push({ system: system.name, perSecond, ...summarize(delays), cpuMsPerEvent: cpu / sent });
  }
  return rows;
}

export function printLatency(rows: readonly LatencyRow[]): void {
  console.log("\nRecord → task start (ms)");
  console.log("system           rate/s      p50      p90      p99      max   CPU ms/event");
  for (const { system, perSecond, p50, p90, p99, max, cpuMsPerEvent } of rows) {
    const figures = [p50, p90, p99, max].map((ms) => formatMs(ms).padStart(8)).join(" ");
    console.log(`${system.padEnd(15)} ${String(perSecond).padStart(7)} ${figures} ${cpuMsPerEvent.toFixed(2).padStart(14)}`);
  }
}

async function waitForStarts(system: SystemUnderTest, count: number): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (countStarts(system.starts) < count) {
    if (performance.now() > deadline)
      throw new Error(`${system.name} started ${countStarts(system.starts)} of ${count} within two minutes`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
