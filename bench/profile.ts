// npm run bench:profile [-- --rates 500,2000 --seconds 20 --burst 50000 --keep DIR]
// Where a server's CPU goes, by part and by function, at steady rates and in a burst. Only the server's main thread: workers run the tasks.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type KafkaServer, startKafka } from "@millrace/test-services";
import { Load } from "./load.ts";
import { countStarts } from "./recorder.ts";
import { startMillrace } from "./systems/millrace.ts";
import { poll } from "./systems/poll.ts";

const { values: flags } = parseArgs({
  options: {
    rates: { type: "string", default: "500,2000" },
    seconds: { type: "string", default: "20" },
    burst: { type: "string", default: "50000" },
    keep: { type: "string" },
  },
});
/** Of the functions that took most. */
const SHOWN = 14;
const IDLE = ["(idle)", "(root)"];

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Who the time belongs to: a folder of ours, a package, or Node itself. */
function partOf(url: string): string {
  const ours = /packages\/orchestrator\/src\/([^/]+)/.exec(url) ?? /packages\/(providers\/[^/]+|sdk)/.exec(url);
  if (ours !== null) return `millrace ${ours[1]}`;
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(url);
  if (library !== null) return library[1]!;
  return url.startsWith("node:") ? "node" : "native";
}

/** ms of the main thread: the profile with the most samples that are no idling. */
function read(folder: string): ReadonlyMap<string, readonly [part: string, ms: number]> {
  const all = readdirSync(folder).map((file) => summarize(JSON.parse(readFileSync(join(folder, file), "utf8")) as Profile));
  const total = (spent: ReadonlyMap<string, readonly [string, number]>): number => [...spent.values()].reduce((sum, [, ms]) => sum + ms, 0);
  return all.toSorted((a, b) => total(b) - total(a))[0] ?? new Map();
}

function summarize({ nodes, samples, timeDeltas }: Profile): ReadonlyMap<string, readonly [string, number]> {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const spent = new Map<string, readonly [string, number]>();
  for (const [index, id] of samples.entries()) {
    const { functionName, url, lineNumber } = byId.get(id)!;
    if (IDLE.includes(functionName)) continue;
    const part = functionName === "(garbage collector)" ? "garbage collector" : partOf(url);
    const name = `${functionName || "(anonymous)"} ${url.split("/").slice(-2).join("/")}${url === "" ? "" : `:${lineNumber + 1}`}`;
    spent.set(name, [part, (spent.get(name)?.[1] ?? 0) + (timeDeltas[index] ?? 0) / 1_000]);
  }
  return spent;
}

function print(title: string, folder: string, messages: number): void {
  const spent = read(folder);
  const total = [...spent.values()].reduce((sum, [, ms]) => sum + ms, 0);
  const share = (ms: number): string => `${((ms * 100) / total).toFixed(1)} %`.padStart(8);
  const parts = Map.groupBy(spent.values(), ([part]) => part);
  const sums = [...parts].map(([part, rows]) => [part, rows.reduce((sum, [, ms]) => sum + ms, 0)] as const);
  console.log(`\n${title}: ${(total / messages).toFixed(3)} ms of the main thread for each message`);
  for (const [part, ms] of sums.toSorted((a, b) => b[1] - a[1]).slice(0, SHOWN)) console.log(`${share(ms)}  ${part}`);
  console.log("  of which");
  const functions = [...spent].toSorted((a, b) => b[1][1] - a[1][1]).slice(0, SHOWN);
  for (const [name, [, ms]] of functions) console.log(`${share(ms)}  ${name}`);
}

/** One server for each load, warm when it is measured only in so far as the load is long. */
async function profile(kafka: KafkaServer, title: string, send: (load: Load) => Promise<number>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-bench-profile-"));
  const profiles = join(flags.keep ?? folder, title.replaceAll(/\W+/g, "-"));
  mkdirSync(profiles, { recursive: true });
  const topic = await kafka.client.createTopic();
  const load = new Load(kafka.url, topic);
  const system = await startMillrace({ kafkaUrl: kafka.url, topic, tasks: 1, folder, profiles });
  let sent = 0;
  try {
    sent = await send(load);
    await poll(`${sent} starts`, () => countStarts(system.starts) >= sent);
    await system.settle(sent);
  } finally {
    await load.close();
    await system.stop();
  }
  print(title, profiles, sent);
  rmSync(folder, { recursive: true, force: true });
}

const kafka = await startKafka();
try {
  for (const rate of flags.rates.split(",").map(Number))
    await profile(kafka, `${rate}/s`, (load) => load.steady(rate, Number(flags.seconds)));
  const burst = Number(flags.burst);
  await profile(kafka, `burst of ${burst}`, async (load) => {
    await load.burst(burst);
    return burst;
  });
} finally {
  await kafka.stop();
}
