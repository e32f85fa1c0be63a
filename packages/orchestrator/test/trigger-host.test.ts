// Triggers of a DAG file's own, each in a process that can do what it likes: it harms itself alone.
import { strict as assert } from "node:assert";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import type { TriggerHealth } from "../src/domain/health.ts";
import { type EngineHarness, type HarnessOptions, startEngine } from "./engine-harness.ts";
import { makeProject } from "./standalone-process.ts";

/** `run` is the generator's body. */
const ownTrigger = (run: string, { options = "", params = "{}" } = {}): string => `
import { defineAsset, defineDag, defineTrigger } from "@millrace/sdk";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
const numbers = defineTrigger({ kind: "test.numbers", ${options} run: async function* ({ params, cursor, signal, log, connection, variable }) { ${run} } });
const a = defineAsset("a", { watchers: { w: numbers(${params}) } });
export default defineDag("d", { schedule: a }, (dag) => { dag.task("t", ({ event }) => event.payload); });
`;
const untilStop = `await new Promise((resolve) => signal.addEventListener("abort", resolve));`;

async function start(
  t: TestContext,
  run: string,
  options: Partial<HarnessOptions> & { options?: string; params?: string } = {},
): Promise<EngineHarness> {
  return startEngine(t, { files: { "d.ts": ownTrigger(run, options) }, ...options });
}

function payloads({ db }: EngineHarness): unknown[] {
  return (db.prepare("SELECT payload FROM asset_event ORDER BY id").pluck().all() as Buffer[]).map((row) => JSON.parse(row.toString()));
}

function healthOf({ engine }: EngineHarness): TriggerHealth {
  return engine.triggerer.health()[0]!;
}

/** Whether a process is there, and no zombie. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

test("what it yields becomes asset events, with key, headers and time; a second one with the same id does not", async (t) => {
  const engine = await start(
    t,
    `yield { payload: { n: params.from }, id: "1", key: "k", headers: { kind: "x" }, sentAt: new Date(5) };
     yield [{ payload: { n: 2 }, id: "2" }, { payload: { n: 1 }, id: "1" }, { payload: Buffer.from("text") }];
     ${untilStop}`,
    { options: "params: z.object({ from: z.string().transform(Number) }),", params: '{ from: "1" }' },
  );
  await eventually(() => assert.equal(engine.db.prepare("SELECT count(*) FROM dag_run WHERE state = 10").pluck().get(), 3));
  assert.deepEqual(payloads(engine), [{ n: 1 }, { n: 2 }, "text"]);
  const row = engine.db.prepare("SELECT message_key, headers, sent_at, message_id FROM asset_event ORDER BY id").raw().get() as unknown[];
  assert.deepEqual(row.map(String), ["k", '[["kind","x"]]', "5", "1"]);
  assert.deepEqual(engine.db.prepare("SELECT reason, n, samples FROM ingest_count").raw().all(), [["duplicate", 1, '["1"]']]);
  const { state, messages, withoutIdentity } = healthOf(engine);
  assert.deepEqual({ state, messages, withoutIdentity }, { state: "streaming", messages: 4, withoutIdentity: 1 });
  await engine.stop();
  assert.deepEqual(engine.warnings, []);
});

test("yield returns once its event is stored, and the cursor that is stored with it is where the next start goes on", async (t) => {
  const run = `for (let n = (cursor?.n ?? 0) + 1; n <= (cursor?.n ?? 0) + 3; n += 1) {
      yield { payload: n, cursor: { n } };
      appendFileSync(params.file, "stored " + n + "\\n");
    }
    ${untilStop}
    appendFileSync(params.file, "over\\n");`;
  const file = join((await startEngine(t, { files: {} })).home, "told");
  const options = {
    options: "params: z.object({ file: z.string() }), cursor: z.object({ n: z.number() }),",
    params: JSON.stringify({ file }),
  };
  const engine = await start(t, run, options);
  await eventually(() => assert.match(readFileSync(file, "utf8"), /stored 3/));
  assert.deepEqual(payloads(engine), [1, 2, 3]);
  await engine.stop();
  assert.equal(readFileSync(file, "utf8"), "stored 1\nstored 2\nstored 3\nover\n", "it ended in order");
  const again = await start(t, run, { ...options, home: engine.home });
  await eventually(() => assert.deepEqual(payloads(again), [1, 2, 3, 4, 5, 6]));
});

test("it asks for connections and variables by name, and its log shows none of their secrets", async (t) => {
  const run = `const { login, password } = await connection("api");
    log.warn("as " + login + " with " + password, { password, url: "x?" + password });
    console.error("again " + password);
    yield { payload: [password.length, await variable("region"), Object.keys(process.env).filter((name) => /MILLRACE|SECRET/.test(name))] };
    await connection("nope").catch((error) => log.warn(error.message));
    ${untilStop}`;
  const environment = {
    MILLRACE_CONN_API: JSON.stringify({ conn_type: "http", login: "me", password: "s3cret-value" }),
    MILLRACE_VAR_REGION: "eu",
    SECRET: "x",
  };
  const engine = await start(t, run, { environment });
  await eventually(() => assert.deepEqual(payloads(engine), [[12, "eu", []]]));
  await eventually(() => assert.match(engine.warnings.join("\n"), /connection 'nope'/));
  const log = engine.warnings.join("\n");
  assert.match(log, /as me with \*\*\*/);
  assert.match(log, /again \*\*\*/);
  assert.doesNotMatch(log, /s3cret-value/);
});

const FAULTS: readonly (readonly [name: string, run: string, error: RegExp])[] = [
  [
    "ends its process",
    `console.error("about to end"); process.exit(3);`,
    /TRIGGER_CRASHED: .* with exit code 3; its last line was: about to end/,
  ],
  ["throws", `throw new TypeError("no such thing");`, /TRIGGER_FAILED: TypeError: no such thing \(at .*d\.ts:7/],
  ["throws where nobody awaits it", `setTimeout(() => { throw new Error("astray"); }); ${untilStop}`, /TRIGGER_FAILED: Error: astray/],
  ["never gives the event loop back", `for (;;);`, /TRIGGER_BLOCKED: its code has kept the event loop for over 1000 ms/],
  [
    "fills the heap",
    `const all = []; for (;;) { all.push(Array.from({ length: 1e5 }, (_, n) => ({ n }))); await sleep(0); }`,
    /TRIGGER_OUT_OF_MEMORY/,
  ],
  [
    "fills the memory beside the heap",
    `const all = []; for (;;) { all.push(Buffer.alloc(1e7, 1)); await sleep(5); }`,
    /TRIGGER_OUT_OF_MEMORY/,
  ],
  ["ends by itself", `yield { payload: 1, id: "1" };`, /TRIGGER_ENDED: run ended by itself/],
  ["yields what is no event", `yield { payloda: 1 };`, /TRIGGER_FAILED: TypeError: expected run to yield \{ payload/],
  [
    "yields a circle",
    `const a = {}; a.a = a; yield { payload: a };`,
    /TRIGGER_FAILED: TypeError: the payload of an event must be JSON.*circular/,
  ],
  ["fails with megabytes", `throw new Error("x".repeat(5e6));`, /TRIGGER_FAILED: Error: x{1000,}… \(5000007 characters\) \(at .*d\.ts:7/],
  ["yields what is no JSON", `yield { payload: 1n };`, /TRIGGER_FAILED: TypeError: the payload of an event must be JSON/],
  [
    "writes into the pipe to the server",
    `(await import("node:fs")).writeSync(3, "x".repeat(100)); ${untilStop}`,
    /TRIGGER_CRASHED: .* no frame/,
  ],
  [
    "writes into the pipe of its heartbeats",
    `(await import("node:fs")).writeSync(4, "x".repeat(100)); ${untilStop}`,
    /TRIGGER_CRASHED: .* no frame/,
  ],
];
for (const [name, run, error] of FAULTS) {
  test(`one that ${name} is started again after a backoff, and says so; a queue beside it goes on`, async (t) => {
    const sqs = await sharedFauxqs();
    const queue = await sqs.createQueue();
    const beside = `import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs";
      const b = defineAsset("b", { watchers: { w: sqsTrigger({ queueUrl: "${queue}" }) } });
      export default defineDag("e", { schedule: b }, (dag) => { dag.task("t", () => 1); });`;
    const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) };
    const files = { "d.ts": ownTrigger(run), "e.ts": beside };
    const triggerHostLimits = { blockedMs: 1_000, heapMb: 64, residentMb: 200 };
    const engine = await startEngine(t, { files, environment, triggerHostLimits });
    const ownId = engine.db.prepare("SELECT id FROM trigger WHERE kind = 'test.numbers'").pluck().get();
    const own = (): TriggerHealth => engine.engine.triggerer.health().find(({ triggerId }) => triggerId === ownId)!;
    await eventually(() => assert.match(own().lastError ?? "", error));
    await sqs.send(queue, ["1"]);
    await eventually(() =>
      assert.equal(
        engine.db.prepare("SELECT count(*) FROM dag_run WHERE state = 10 AND dag = (SELECT id FROM dag WHERE dag_id = 'e')").pluck().get(),
        1,
      ),
    );
    await eventually(() => assert.ok(own().reconnects >= 2, "it is tried again"));
  });
}

test("kill -9 of its process, again and again, loses nothing that has an id, and doubles nothing", async (t) => {
  const run = `writeFileSync(params.pid, String(process.pid));
    for (let n = cursor ?? 0; n < 200; n += 1) { yield { payload: n, id: String(n), cursor: n }; await sleep(2); }
    ${untilStop}`;
  const pidFile = join((await startEngine(t, { files: {} })).home, "pid");
  const engine = await start(t, run, { options: "params: z.object({ pid: z.string() }),", params: JSON.stringify({ pid: pidFile }) });
  const killed = new Set<number>();
  await eventually(() => {
    const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) : 0;
    const count = payloads(engine).length;
    if (pid > 0 && !killed.has(pid) && killed.size < 3 && count > 40 * (killed.size + 1)) {
      killed.add(pid);
      process.kill(pid, "SIGKILL");
    }
    assert.deepEqual(
      payloads(engine),
      Array.from({ length: 200 }, (_, n) => n),
    );
  });
  assert.equal(killed.size, 3);
  assert.equal(healthOf(engine).reconnects, 3);
  assert.match(engine.warnings.join("\n"), /TRIGGER_CRASHED: the trigger's process ended by SIGKILL/);
});

test("a changed file opens it anew with its new code", async (t) => {
  const engine = await start(t, `yield { payload: "old" }; ${untilStop}`);
  await eventually(() => assert.deepEqual(payloads(engine), ["old"]));
  writeFileSync(join(engine.dags, "d.ts"), ownTrigger(`yield { payload: "new" }; ${untilStop}`));
  await eventually(() => assert.deepEqual(payloads(engine), ["old", "new"]));
});

test("a server that is killed leaves no process behind, however busy it is", async (t) => {
  const run = `const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    writeFileSync(params.pids, process.pid + " " + child.pid);
    for (;;);`;
  const project = makeProject(t);
  const pids = join(project.folder, "pids");
  project.write("d.ts", ownTrigger(run, { options: "params: z.object({ pids: z.string() }),", params: JSON.stringify({ pids }) }));
  const server = await project.start();
  assert.match(server.out, /^Watcher +a\.w \(test\.numbers\): (not open|connecting|streaming)$/m);
  await eventually(() => assert.ok(existsSync(pids) && /\d \d/.test(readFileSync(pids, "utf8"))));
  const all = readFileSync(pids, "utf8").split(" ").map(Number);
  assert.deepEqual(all.map(isAlive), [true, true]);
  await server.kill();
  await eventually(() => assert.deepEqual(all.map(isAlive), [false, false]));
});

test("a stop ends a trigger that does not listen, and what it started", async (t) => {
  const run = `const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    writeFileSync(params.pids, process.pid + " " + child.pid);
    await new Promise(() => setInterval(() => {}, 1000));`;
  const pids = join((await startEngine(t, { files: {} })).home, "pids");
  const engine = await start(t, run, { options: "params: z.object({ pids: z.string() }),", params: JSON.stringify({ pids }) });
  await eventually(() => assert.ok(existsSync(pids) && /\d \d/.test(readFileSync(pids, "utf8"))));
  const all = readFileSync(pids, "utf8").split(" ").map(Number);
  await engine.stop(100);
  assert.deepEqual(all.map(isAlive), [false, false]);
});
