// npm run bench:history [-- --runs 1000000 --rounds 8 --burst 10000 --rate 200 --seconds 5]
// P9: what an event and a run cost beside a long history and without one. Two servers, one with the history; they take turns, so that what
// else the machine does meets both. CPU of all rounds together decides: it is steadier than time on a machine that is not one's own.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startKafka } from "@millrace/test-services";
import SqliteDatabase from "better-sqlite3";
import { Load, preciseNow } from "./load.ts";
import { cpuMs } from "./process-tree.ts";
import { countStarts, readStarts } from "./recorder.ts";
import { seedHistory } from "./seed-history.ts";
import { formatMs, percentile, summarize } from "./statistics.ts";
import { type RunningMillrace, startMillrace } from "./systems/millrace.ts";
import { poll } from "./systems/poll.ts";

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "8" },
    burst: { type: "string", default: "10000" },
    rate: { type: "string", default: "200" },
    seconds: { type: "string", default: "5" },
  },
});
const [runs, rounds, burst, rate, seconds] = [flags.runs, flags.rounds, flags.burst, flags.rate, flags.seconds].map(Number) as [
  number,
  number,
  number,
  number,
  number,
];
/** Of CPU, by which a history may make an event or a run dearer. */
const ALLOWED = 1.1;
const WARM_UP = 10_000;

interface Round {
  readonly p50: number;
  readonly p99: number;
  /** Per event at the steady rate. */
  readonly cpuMsPerEvent: number;
  /** Per run of the burst. */
  readonly cpuMsPerRun: number;
  readonly runsPerSecond: number;
}

class Candidate {
  readonly system: RunningMillrace;
  readonly #load: Load;
  readonly rounds: Round[] = [];
  #sent = 0;

  constructor(system: RunningMillrace, load: Load) {
    this.system = system;
    this.#load = load;
  }

  /** Sends them all at once; the runs are done and stored. */
  async burst(count: number): Promise<void> {
    await this.#load.burst(count);
    await this.#started(count);
    await this.system.settle(this.#sent);
  }

  async measure(): Promise<void> {
    const before = this.#sent;
    const [cpuStart, total] = [cpuMs(this.system.pids), rate * seconds];
    await this.#load.steady(rate, seconds);
    await this.#started(total);
    await this.system.settle(this.#sent);
    const cpuMsPerEvent = (cpuMs(this.system.pids) - cpuStart) / total;
    const delays = readStarts(this.system.starts)
      .slice(before)
      .map(({ sentAt, startedAt }) => startedAt - sentAt);
    const [cpuBurst, start] = [cpuMs(this.system.pids), preciseNow()];
    await this.burst(burst);
    const runsPerSecond = (burst * 1_000) / (preciseNow() - start);
    const { p50, p99 } = summarize(delays);
    this.rounds.push({ p50, p99, cpuMsPerEvent, cpuMsPerRun: (cpuMs(this.system.pids) - cpuBurst) / burst, runsPerSecond });
  }

  async stop(): Promise<void> {
    await this.#load.close();
    await this.system.stop();
  }

  async #started(count: number): Promise<void> {
    this.#sent += count;
    await poll(`${this.#sent} starts`, () => countStarts(this.system.starts) >= this.#sent);
  }
}

/** Started once for its definitions, and again beside the history. */
async function start(kafkaUrl: string, folder: string, topic: string, history: number): Promise<Candidate> {
  const options = { kafkaUrl, topic, tasks: 1, folder } as const;
  if (history > 0) {
    const first = await startMillrace(options);
    await first.stop();
    const db = new SqliteDatabase(first.databaseFile);
    const ids = db.prepare("SELECT v.id AS versionId, v.dag FROM dag_version v").get() as { versionId: number; dag: number };
    const assetId = db.prepare("SELECT id FROM asset").pluck().get() as number;
    const payload = Buffer.from(JSON.stringify({ n: 0, t: preciseNow(), sensor: "sensor-1", celsius: 81.5, unit: "C" }));
    seedHistory(db, { runs: history, assetId, ...ids, at: Date.now(), payload });
    db.close();
    console.log(`${history} runs of history, ${(statSync(first.databaseFile).size / 2 ** 20).toFixed(0)} MiB`);
  }
  return new Candidate(await startMillrace(options), new Load(kafkaUrl, topic));
}

function print(name: string, { p50, p99, cpuMsPerEvent, cpuMsPerRun, runsPerSecond }: Round): void {
  const cells = [formatMs(p50), formatMs(p99), cpuMsPerEvent.toFixed(3), cpuMsPerRun.toFixed(3), runsPerSecond.toFixed(0)];
  console.log(name.padEnd(16) + cells.map((cell) => cell.padStart(14)).join(""));
}

const FIELDS = ["p50", "p99", "cpuMsPerEvent", "cpuMsPerRun", "runsPerSecond"] as const;
const medians = (rounds: readonly Round[]): Round => {
  const median = (field: keyof Round): number =>
    percentile(
      rounds.map((round) => round[field]).toSorted((a, b) => a - b),
      0.5,
    );
  return Object.fromEntries(FIELDS.map((field) => [field, median(field)])) as unknown as Round;
};
const sum = (rounds: readonly Round[], field: keyof Round): number => rounds.reduce((total, round) => total + round[field], 0);

const kafka = await startKafka();
const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), "millrace-bench-history-")));
const candidates: Candidate[] = [];
try {
  console.log(`${cpus().length} cores, Kafka and the load on the same cores; Node ${process.version}`);
  for (const [index, folder] of folders.entries())
    candidates.push(await start(kafka.url, folder, await kafka.client.createTopic(), index === 0 ? 0 : runs));
  const [empty, full] = candidates as [Candidate, Candidate];
  for (const candidate of candidates) await candidate.burst(WARM_UP);
  console.log(
    `\n${" ".repeat(16)}${["p50 ms", "p99 ms", "CPU ms/event", "CPU ms/run", "runs/s"].map((name) => name.padStart(14)).join("")}`,
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const candidate of round % 2 === 0 ? [empty, full] : [full, empty]) {
      await candidate.measure();
      print(candidate === empty ? "empty" : "with history", candidate.rounds.at(-1)!);
    }
  }
  console.log("\nmedians");
  print("empty", medians(empty.rounds));
  print("with history", medians(full.rounds));
  const ratios = (["cpuMsPerEvent", "cpuMsPerRun"] as const).map((field) => sum(full.rounds, field) / sum(empty.rounds, field));
  console.log(`\nwith history / empty, CPU: ${ratios[0]!.toFixed(2)} per event, ${ratios[1]!.toFixed(2)} per run; allowed ${ALLOWED}`);
  process.exitCode = ratios.every((ratio) => ratio <= ALLOWED) ? 0 : 1;
} finally {
  for (const candidate of candidates) await candidate.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  await kafka.stop();
}
