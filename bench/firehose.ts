// npm run bench:firehose [-- --minutes 10 --rate 5000 --one-in 1000]
// A topic of which one message in a thousand passes the watcher's `where`: how fast those are, and what all the others leave behind.
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startKafka } from "@millrace/test-services";
import { Load } from "./load.ts";
import { cpuMs, pssBytes } from "./process-tree.ts";
import { countStarts, readStarts } from "./recorder.ts";
import { formatMs, summarize } from "./statistics.ts";
import { type RunningMillrace, startMillrace } from "./systems/millrace.ts";
import { poll } from "./systems/poll.ts";

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    rate: { type: "string", default: "5000" },
    "one-in": { type: "string", default: "1000" },
  },
});
const [minutes, rate, oneIn] = [Number(flags.minutes), Number(flags.rate), Number(flags["one-in"])];
const MINUTE_SECONDS = 60;
const MIB = 2 ** 20;
/** Every one of them passes: code is cold at first. */
const WARM_UP = 500;

interface Sample {
  readonly minute: number;
  readonly sent: number;
  readonly started: number;
  readonly cpuMsPerMessage: number;
  readonly pssBytes: number;
  readonly databaseBytes: number;
}

function print(sample: Sample, system: RunningMillrace, before: number): void {
  const { p50, p99, max } = summarize(
    readStarts(system.starts)
      .slice(before)
      .map(({ sentAt, startedAt }) => startedAt - sentAt),
  );
  const cells = [
    sample.minute.toFixed(0),
    sample.sent.toFixed(0),
    sample.started.toFixed(0),
    ...[p50, p99, max].map(formatMs),
    sample.cpuMsPerMessage.toFixed(3),
    (sample.pssBytes / MIB).toFixed(0),
    (sample.databaseBytes / MIB).toFixed(2),
  ];
  console.log(cells.map((cell) => cell.padStart(10)).join(""));
}

/** What the watcher kept out, by its own count. */
async function countRejected(system: RunningMillrace): Promise<number> {
  const { watchers } = await system.get<{ watchers: readonly { rejected: { last_24_hours: number } }[] }>("/watchers");
  return watchers.reduce((sum, { rejected }) => sum + rejected.last_24_hours, 0);
}

const kafka = await startKafka();
const folder = mkdtempSync(join(tmpdir(), "millrace-bench-firehose-"));
const topic = await kafka.client.createTopic();
const system = await startMillrace({ kafkaUrl: kafka.url, topic, tasks: 1, folder, watcherWhere: "payload.celsius > 80" });
const warm = new Load(kafka.url, topic);
const load = new Load(kafka.url, topic, (n) => (n % oneIn === 0 ? 81.5 : 20));
try {
  await warm.burst(WARM_UP);
  await poll(`${WARM_UP} starts`, () => countStarts(system.starts) >= WARM_UP);
  console.log(`${cpus().length} cores, Kafka and the load on the same cores; Node ${process.version}`);
  console.log(
    `${rate} messages/s, 1 of ${oneIn} passes the watcher's where; ${((await system.databaseBytes()) / MIB).toFixed(2)} MiB of database`,
  );
  const columns = ["minute", "sent", "started", "p50 ms", "p99 ms", "max ms", "CPU ms/msg", "PSS MiB", "DB MiB"];
  console.log(columns.map((name) => name.padStart(10)).join(""));
  let [sent, expected] = [0, WARM_UP];
  for (let minute = 1; minute <= Math.ceil(minutes); minute += 1) {
    const seconds = Math.round(Math.min(1, minutes - minute + 1) * MINUTE_SECONDS);
    const [cpuBefore, before] = [cpuMs(system.pids), expected];
    const count = await load.steady(rate, seconds);
    sent += count;
    expected += Math.ceil(count / oneIn);
    const cpuMsPerMessage = (cpuMs(system.pids) - cpuBefore) / count;
    await poll(`${expected} starts`, () => countStarts(system.starts) >= expected);
    const started = expected - WARM_UP;
    print(
      { minute, sent, started, cpuMsPerMessage, pssBytes: pssBytes(system.pids), databaseBytes: await system.databaseBytes() },
      system,
      before,
    );
  }
  await system.settle(expected);
  await poll(
    `${sent - expected + WARM_UP} messages to be counted as rejected`,
    async () => (await countRejected(system)) === sent - expected + WARM_UP,
  );
  const all = readStarts(system.starts).slice(WARM_UP);
  const { p50, p99 } = summarize(all.map(({ sentAt, startedAt }) => startedAt - sentAt));
  console.log(
    `${sent} messages, ${all.length} runs, p50 ${formatMs(p50)} ms, p99 ${formatMs(p99)} ms; every other one is counted as rejected`,
  );
} finally {
  await load.close();
  await warm.close();
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
  await kafka.stop();
}
