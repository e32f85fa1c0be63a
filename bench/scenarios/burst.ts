import { type Load, preciseNow } from "../load.ts";
import { countStarts } from "../recorder.ts";
import { poll } from "../systems/poll.ts";
import type { SystemUnderTest } from "../systems/system.ts";

export interface BurstRow {
  readonly system: string;
  readonly runs: number;
  readonly runsPerSecond: number;
  readonly bytesPerRun: number;
}

/** Everything at once, to an idle system that has run before: first send → all runs done and stored. */
export async function measureBurst(system: SystemUnderTest, load: Load, runs: number, warmUp: number): Promise<BurstRow> {
  const burst = async (count: number): Promise<void> => (system.burst === undefined ? load.burst(count) : system.burst(count));
  await burst(warmUp);
  await settled(system, warmUp);
  const bytesBefore = await system.databaseBytes();
  const start = preciseNow();
  await burst(runs);
  await settled(system, warmUp + runs);
  const seconds = (preciseNow() - start) / 1000;
  return { system: system.name, runs, runsPerSecond: runs / seconds, bytesPerRun: ((await system.databaseBytes()) - bytesBefore) / runs };
}

export function printBursts(title: string, rows: readonly BurstRow[]): void {
  console.log(`\n${title}`);
  console.log("system             runs     runs/s   bytes/run");
  for (const { system, runs, runsPerSecond, bytesPerRun } of rows) {
    console.log(
      `${system.padEnd(15)} ${String(runs).padStart(7)} ${runsPerSecond.toFixed(0).padStart(10)} ${bytesPerRun.toFixed(0).padStart(11)}`,
    );
  }
}

async function settled(system: SystemUnderTest, runs: number): Promise<void> {
  await poll(`${system.name} to start ${runs} tasks`, () => countStarts(system.starts) >= runs, 300_000);
  await system.settle(runs);
}
