import { type Load, preciseNow } from "../load.ts";
import { countStarts } from "../recorder.ts";
import type { SystemUnderTest } from "../systems/system.ts";

export interface BurstRow {
  readonly system: string;
  readonly runs: number;
  readonly runsPerSecond: number;
  readonly bytesPerRun: number;
}

/** Everything at once, to an idle system that has run before: first send → all runs done and stored. */
export async function measureBurst(system: SystemUnderTest, load: Load, runs: number, warmUp: number): Promise<BurstRow> {
  await load.burst(warmUp);
  await settled(system, warmUp);
  const bytesBefore = system.databaseBytes();
  const start = preciseNow();
  await load.burst(runs);
  await settled(system, warmUp + runs);
  const seconds = (preciseNow() - start) / 1000;
  return { system: system.name, runs, runsPerSecond: runs / seconds, bytesPerRun: (system.databaseBytes() - bytesBefore) / runs };
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
  const deadline = performance.now() + 120_000;
  while (countStarts(system.starts) < runs) {
    if (performance.now() > deadline) throw new Error(`${system.name} started ${countStarts(system.starts)} of ${runs} within two minutes`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await system.settle(runs);
}
