// npm run bench [-- --systems plain,millrace --seconds 10 --burst 20000 --rates 50,500,2000 --only rest,latency,burst,chain]
// Side by side, in one run, on one machine: Millrace as a user starts it, a plain Kafka consumer as the floor, and others.
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type KafkaServer, startKafka } from "@millrace/test-services";
import { Load } from "./load.ts";
import { pssBytes } from "./process-tree.ts";
import { type Ratios, printRatios } from "./ratios.ts";
import { measureBurst, printBursts } from "./scenarios/burst.ts";
import { measureLatency, printLatency } from "./scenarios/latency.ts";
import { airflow } from "./systems/airflow.ts";
import { millrace } from "./systems/millrace.ts";
import { millraceOnPostgres } from "./systems/millrace-on-postgres.ts";
import { plainConsumer } from "./systems/plain-consumer.ts";
import { restate } from "./systems/restate.ts";
import type { System, SystemUnderTest } from "./systems/system.ts";

const ALL = [plainConsumer, millrace, millraceOnPostgres, restate, airflow];
const { values: flags } = parseArgs({
  options: {
    systems: { type: "string", default: "plain,millrace" },
    seconds: { type: "string", default: "10" },
    burst: { type: "string", default: "20000" },
    rates: { type: "string", default: "50,500,2000" },
    only: { type: "string", default: "rest,latency,burst,chain" },
    help: { type: "boolean", default: false },
  },
});
if (flags.help) {
  console.log(`npm run bench [-- --systems ${ALL.map(({ name }) => name).join(",")} --seconds 10 --burst 20000 --rates 50,500,2000
               --only rest,latency,burst,chain]
The installs of restate and airflow are kept in ~/.cache/millrace. docs/performance.md says what each figure means.`);
  process.exit(0);
}
const only = new Set(flags.only.split(","));
const systems = flags.systems.split(",").flatMap(select);
const rates = flags.rates.split(",").map(Number);
const REST_MS = 5_000;
/** The rate at which all are compared when a system is there that bears no other. */
const SLOW_RATE = 0.25;

function select(name: string): readonly System[] {
  const system = ALL.find((system) => system.name === name);
  if (system === undefined) throw new Error(`--systems: expected some of ${ALL.map(({ name }) => name).join(", ")}, got '${name}'`);
  const reason = system.whyNot();
  if (reason !== null) console.log(`without ${name}: ${reason}`);
  return reason === null ? [system] : [];
}

async function withSystem<Result>(
  kafka: KafkaServer,
  system: System,
  tasks: 1 | 3,
  measure: (system: SystemUnderTest, load: Load) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const topic = await kafka.client.createTopic();
  const load = new Load(kafka.url, topic);
  const running = await system.start({ kafkaUrl: kafka.url, topic, tasks, folder });
  try {
    return await measure(running, load);
  } finally {
    await running.stop();
    await load.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAll(kafka: KafkaServer): Promise<Ratios> {
  const found: Ratios = { latencies: [], bursts: [], chains: [] };
  if (only.has("latency")) {
    const isSlow = systems.some(({ maxRate }) => maxRate < Math.min(...rates));
    for (const system of systems) {
      const borne = [...(isSlow ? [SLOW_RATE] : []), ...rates].filter((rate) => rate <= system.maxRate);
      const options = { warmUp: system.warmUp, rates: borne, seconds: Number(flags.seconds) };
      found.latencies.push(...(await withSystem(kafka, system, 1, (under, load) => measureLatency(under, load, options))));
    }
    printLatency(found.latencies);
  }
  const bursts = [
    { name: "burst", title: "Burst of one-task runs", tasks: 1, rows: found.bursts },
    { name: "chain", title: "Burst of three-task chains", tasks: 3, rows: found.chains },
  ] as const;
  for (const { title, tasks, rows } of bursts.filter(({ name }) => only.has(name))) {
    for (const system of systems.filter((system) => tasks === 1 || system !== plainConsumer)) {
      const runs = Math.min(Number(flags.burst), system.maxBurst);
      const warmUp = Math.min(5_000, Math.max(system.warmUp, Math.ceil(runs / 4)));
      rows.push(await withSystem(kafka, system, tasks, (under, load) => measureBurst(under, load, runs, warmUp)));
    }
    printBursts(title, rows);
  }
  return found;
}

const kafka = await startKafka();
console.log(`${cpus().length} cores (${cpus()[0]!.model}), Kafka and the load on the same cores; Node ${process.version}`);
try {
  if (only.has("rest") && systems.includes(millrace)) {
    const bytes = await withSystem(kafka, millrace, 1, async (system) => {
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      return pssBytes(system.pids);
    });
    console.log(`\nMemory of all processes at rest (PSS): ${(bytes / 2 ** 20).toFixed(0)} MiB`);
  }
  printRatios(await measureAll(kafka), millrace.name);
} finally {
  await kafka.stop();
}
