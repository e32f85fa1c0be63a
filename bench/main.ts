// npm run bench [-- --seconds 10 --burst 20000 --rates 50,500,2000 --only latency,burst,chain,rest]
// Side by side, in one run, on one machine: Millrace as a user starts it, and a plain Kafka consumer as the floor.
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type KafkaServer, startKafka } from "@millrace/test-services";
import { Load } from "./load.ts";
import { pssBytes } from "./process-tree.ts";
import { type BurstRow, measureBurst, printBursts } from "./scenarios/burst.ts";
import { type LatencyRow, measureLatency, printLatency } from "./scenarios/latency.ts";
import { startMillrace } from "./systems/millrace.ts";
import { startPlainConsumer } from "./systems/plain-consumer.ts";
import type { SystemOptions, SystemUnderTest } from "./systems/system.ts";

const { values: flags } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    burst: { type: "string", default: "20000" },
    rates: { type: "string", default: "50,500,2000" },
    only: { type: "string", default: "rest,latency,burst,chain" },
    help: { type: "boolean", default: false },
  },
});
if (flags.help) {
  console.log("npm run bench [-- --seconds 10 --burst 20000 --rates 50,500,2000 --only rest,latency,burst,chain]");
  process.exit(0);
}
const only = new Set(flags.only.split(","));
const SYSTEMS = [startPlainConsumer, startMillrace];
const REST_MS = 5_000;

type Start = (options: SystemOptions) => Promise<SystemUnderTest>;

async function withSystem<Result>(
  kafka: KafkaServer,
  start: Start,
  tasks: 1 | 3,
  measure: (system: SystemUnderTest, load: Load) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const topic = await kafka.client.createTopic();
  const load = new Load(kafka.url, topic);
  const system = await start({ kafkaUrl: kafka.url, topic, tasks, folder });
  try {
    return await measure(system, load);
  } finally {
    await system.stop();
    await load.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const kafka = await startKafka();
console.log(`${cpus().length} cores (${cpus()[0]!.model}), Kafka and the load on the same cores; Node ${process.version}`);
try {
  if (only.has("rest")) {
    const bytes = await withSystem(kafka, startMillrace, 1, async (system) => {
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      return pssBytes(system.pid);
    });
    console.log(`\nMemory of all processes at rest (PSS): ${(bytes / 2 ** 20).toFixed(0)} MiB`);
  }
  if (only.has("latency")) {
    const rows: LatencyRow[] = [];
    for (const start of SYSTEMS) {
      const rates = flags.rates.split(",").map(Number);
      rows.push(...(await withSystem(kafka, start, 1, (system, load) => measureLatency(system, load, rates, Number(flags.seconds)))));
    }
    printLatency(rows);
  }
  const bursts: readonly (readonly [string, string, 1 | 3])[] = [
    ["burst", "Burst of one-task runs", 1],
    ["chain", "Burst of three-task chains", 3],
  ];
  for (const [name, title, tasks] of bursts.filter(([name]) => only.has(name))) {
    const rows: BurstRow[] = [];
    for (const start of name === "burst" ? SYSTEMS : [startMillrace]) {
      rows.push(await withSystem(kafka, start, tasks, (system, load) => measureBurst(system, load, Number(flags.burst), 5_000)));
    }
    printBursts(title, rows);
  }
} finally {
  await kafka.stop();
}
