import { strict as assert } from "node:assert";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually, skipWithout, startKafka } from "@millrace/test-services";

interface Demo {
  readonly process: ChildProcess;
  /** What it printed, standard output and error together. */
  readonly output: () => string;
  readonly lines: AsyncIterable<string>;
  readonly exitCode: Promise<number | null>;
}

function startDemo(t: TestContext, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Demo {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const exitCode = once(child, "close").then(([code]) => code as number | null);
  t.after(() => child.kill("SIGTERM") && exitCode);
  return { process: child, output: () => output, lines: createInterface(child.stdout), exitCode };
}

async function runDemo(t: TestContext, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const demo = startDemo(t, args);
  return { code: await demo.exitCode, output: demo.output() };
}

/** Figures of the summary, by name. */
function figures(output: string): Record<string, number> {
  const found = output.matchAll(/^(messages|asset events|filtered|runs|alerts|dead letters) +(\d+)$/gm);
  return Object.fromEntries([...found].map(([, name, value]) => [name!, Number(value)]));
}

/** `checks`: how many the summary has, all of them good. */
function checkSummary(output: string, messages: number, checks: number): void {
  const { messages: sent, "asset events": events, filtered, runs, alerts, "dead letters": letters } = figures(output);
  assert.equal(sent, messages, output);
  assert.equal(events! + letters!, messages);
  assert.equal(filtered! + runs!, events);
  assert.ok(alerts! <= runs!);
  assert.match(output, /^send → task start +p50 \d+\.\d ms, p99 \d+\.\d ms$/m);
  assert.equal(output.match(/^ok {4}/gm)?.length, checks, output);
  assert.doesNotMatch(output, /^wrong/m);
}

test("--once sends, checks what became of it, and exits 0", async (t) => {
  const { code, output } = await runDemo(t, ["--once", "--messages", "40"]);
  checkSummary(output, 40, 7);
  assert.match(output, /^files +4\nfiles loaded +3$/m);
  assert.equal(code, 0);
  assert.equal(output.includes("\u001B"), false, "no colours and no bar where there is no terminal");
});

test("--once over Kafka does the same", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await startKafka();
  t.after(() => kafka.stop());
  for (const round of ["makes its topics", "finds them with records of another round"]) {
    const { code, output } = await runDemo(t, ["--once", "--messages", "40", "--kafka", kafka.url]);
    assert.equal(code, 0, `${round}: ${output}`);
    checkSummary(output, 40, 6);
  }
});

const NEEDS_PROC = process.platform === "linux" ? false : "it looks at the demo's children in /proc, which Linux has";

test("Ctrl-C stops the live demo and all that it started", { skip: NEEDS_PROC }, async (t) => {
  const demo = startDemo(t, []);
  for await (const line of demo.lines) if (/^\d\d:\d\d:\d\d\.\d{3} {2}alert /.test(line)) break;
  const children = childrenOf(demo.process.pid!);
  const home = homeOf(children);
  // As npm does: the terminal's signal, and npm's.
  demo.process.kill("SIGINT");
  demo.process.kill("SIGINT");
  assert.equal(await demo.exitCode, 0, demo.output());
  for (const word of ["message", "event", "run"]) assert.match(demo.output(), new RegExp(`^\\d\\d:\\S+ {2}${word} `, "m"));
  assert.match(demo.output(), /curl -s -H 'Authorization: Bearer \S+' 'http:\/\/127\.0\.0\.1:\d+\/api\/v2\/dags\/iot_alert_sqs\/dagRuns/);
  assert.equal(children.length, 2, "the server and the queue server");
  assert.deepEqual(children.filter(isAlive), []);
  assert.throws(() => readdirSync(home), /ENOENT/);
});

test("a part that dies is reported with what it said, and ends the demo with 1", { skip: NEEDS_PROC }, async (t) => {
  const demo = startDemo(t, []);
  for await (const line of demo.lines) if (line.includes("Ctrl-C stops it")) break;
  const children = childrenOf(demo.process.pid!);
  const server = children.find((pid) => commandOf(pid).includes("standalone"))!;
  process.kill(server, "SIGKILL");
  assert.equal(await demo.exitCode, 1);
  assert.match(demo.output(), /millrace standalone ended with SIGKILL/);
  await eventually(() => assert.deepEqual(children.filter(isAlive), []));
});

for (const [args, code, message] of [
  [["--onc"], 2, /Unknown option '--onc'\n {2}hint: the options are --once/],
  [["--once", "--messages", "0"], 2, /--messages: expected a whole number from 1 to 100000, got '0'/],
  [["--messages", "5"], 2, /--messages goes with --once/],
  [["--kafka", "localhost"], 2, /--kafka: expected HOST:PORT, got 'localhost'/],
  [["--kafka", "127.0.0.1:1"], 1, /no Kafka answered at '127\.0\.0\.1:1'.*\n {2}hint: give the host:port/],
  [["--help"], 0, /--once +send a fixed number of messages/],
] as const) {
  test(`npm start -- ${args.join(" ")} exits ${code}`, async (t) => {
    const run = await runDemo(t, args);
    assert.match(run.output, message);
    assert.equal(run.code, code);
    assert.doesNotMatch(run.output, /\n {4}at /, "no stack");
  });
}

function childrenOf(parent: number): number[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
}

function homeOf(pids: readonly number[]): string {
  const homes = pids.map((pid) => /(?:^|\0)MILLRACE_HOME=([^\0]+)/.exec(readFileSync(`/proc/${pid}/environ`, "utf8"))?.[1]);
  return homes.find((home) => home !== undefined)!;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
