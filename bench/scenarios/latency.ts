import type { Load } from "../load.ts";
import { cpuMs } from "../process-tree.ts";
import { countStarts, readStarts } from "../recorder.ts";
import { formatMs, summarize } from "../statistics.ts";
import { poll } from "../systems/poll.ts";
import type { SystemUnderTest } from "../systems/system.ts";

/** A rate as low as this is kept up for longer, so that there is something to count. */
const SLOW_PER_SECOND = 1;
const SLOW_SECONDS = 60;

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
  o: { readonly warmUp: number; readonly rates: readonly number[]; readonly seconds: number },
): Promise<LatencyRow[]> {
  await load.burst(o.warmUp);
  let expected = o.warmUp;
  await waitForStarts(system, expected);
  const rows: LatencyRow[] = [];
  for (const perSecond of o.rates) {
    const cpuBefore = cpuMs(system.pids);
    const sent = await load.steady(perSecond, perSecond < SLOW_PER_SECOND ? Math.max(o.seconds, SLOW_SECONDS) : o.seconds);
    const before = expected;
    expected += sent;
    await waitForStarts(system, expected);
    const cpu = cpuMs(system.pids) - cpuBefore;
    const delays = readStarts(system.starts)
      .slice(before)
      .map(({ sentAt, startedAt }) => startedAt - sentAt);
    rows.push({ system: system.name, perSecond, ...summarize(delays), cpuMsPerEvent: cpu / sent });
  }
  return rows;
}

export function printLatency(rows: readonly LatencyRow[]): void {
  console.log("\nRecord → task start (ms)");
  console.log("system           rate/s        p50        p90        p99        max   CPU ms/event");
  for (const { system, perSecond, p50, p90, p99, max, cpuMsPerEvent } of rows) {
    const figures = [p50, p90, p99, max].map((ms) => formatMs(ms).padStart(10)).join(" ");
    console.log(`${system.padEnd(15)} ${String(perSecond).padStart(7)} ${figures} ${cpuMsPerEvent.toFixed(2).padStart(14)}`);
  }
}

async function waitForStarts(system: SystemUnderTest, count: number): Promise<void> {
  await poll(`${system.name} to start ${count} tasks`, () => countStarts(system.starts) >= count, 300_000);
}
