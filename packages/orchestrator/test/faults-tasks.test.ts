// Tasks that do what no task should: each fails alone, in its own words, and its neighbours never notice.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import { startEngine } from "./engine-harness.ts";

const SUCCESS = 10;
const FAILED = 11;
const dag = (id: string, body: string): string =>
  `import { defineAsset, defineDag } from "@millrace/sdk";\nexport default defineDag("${id}", {}, (dag) => {\n${body}\n});\n`;
const task = (id: string, body: string, options = "{}"): string => dag(id, `dag.task("t", ${options}, ${body});`);

/** Runs beside the hostile ones, in the same worker, for longer than any of them. */
const NEIGHBOUR = task("neighbour", "async () => { await new Promise((resolve) => setTimeout(resolve, 1_500)); return process.pid; }");

test("whatever a task throws fails its own try, and its worker lives on", async (t) => {
  const thrown = {
    null: "null",
    undefined: "undefined",
    symbol: "Symbol('s')",
    bare: "Object.create(null)",
    proxy: "new Proxy({}, { get() { throw new Error('get'); }, getPrototypeOf() { throw new Error('prototype'); } })",
    getter: "Object.defineProperty(new Error(), 'message', { get() { throw new Error('message'); } })",
    code: "Object.assign(new Error('odd'), { name: 7, stack: { lines: 3 } })",
    unreadable: "{ toString() { throw new Error('toString'); } }",
  };
  const files = Object.entries(thrown).map(([id, value]) => [`${id}.ts`, task(id, `() => { throw ${value}; }`)] as const);
  const engine = await startEngine(t, { maxWorkers: 1, files: { ...Object.fromEntries(files), "neighbour.ts": NEIGHBOUR } });
  const neighbour = await engine.create("neighbour");
  const runs = await Promise.all(Object.keys(thrown).map((id) => engine.run(id)));
  for (const run of runs) {
    assert.equal(run.state, FAILED);
    assert.equal(run.tasks[0]!.workerLost, 0, "its worker lived on");
    assert.notEqual(run.tasks[0]!.error, null);
  }
  assert.equal((await engine.ended(neighbour)).state, SUCCESS);
  assert.deepEqual(engine.warnings, []);
});

test("what a task left running fails that try while it lasts, is said where it has ended, and hurts nobody else", async (t) => {
  const engine = await startEngine(t, {
    maxWorkers: 1,
    files: {
      "neighbour.ts": NEIGHBOUR,
      "late.ts": task("late", `() => { setTimeout(() => { void Promise.reject(new Error("after the end")); }, 50); return 1; }`),
      "callback.ts": task("callback", `() => new Promise(() => { setTimeout(() => { throw new Error("in a callback"); }, 20); })`),
      "floating.ts": task("floating", `async () => { void Promise.reject(new Error("nobody awaits it")); await new Promise(() => {}); }`),
    },
  });
  const neighbour = await engine.create("neighbour");
  assert.equal((await engine.run("late")).state, SUCCESS);
  const callback = await engine.run("callback");
  assert.equal(callback.state, FAILED);
  assert.match(callback.tasks[0]!.error!, /in a callback/);
  assert.match((await engine.run("floating")).tasks[0]!.error!, /nobody awaits it/);
  const after = await engine.ended(neighbour);
  assert.equal(after.state, SUCCESS);
  assert.equal(after.tasks[0]!.workerLost, 0);
  assert.deepEqual(engine.warnings, []);
});

test("tries that run out of time together end together: a killed worker takes no second timeout from the others", async (t) => {
  const engine = await startEngine(t, {
    maxWorkers: 1,
    files: {
      "never.ts": dag(
        "never",
        `for (let n = 0; n < 40; n += 1) dag.task("t" + n, { timeout: \`\${300 + n * 10}ms\` as never }, () => new Promise(() => {}));`,
      ),
    },
  });
  const run = await engine.run("never");
  for (const { error } of run.tasks) assert.match(error!, /did not end within its timeout/);
  const kills = engine.warnings.filter((line) => line.includes("its worker is killed"));
  assert.ok(kills.length <= 3, `one kill ends all whose time is over, got ${kills.length}`);
});

test("a result of 50 MB is handed on, one above the limit fails for good and says so", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "big.ts": dag(
        "big",
        `const big = dag.task("make", () => "x".repeat(50_000_000)); dag.task("count", { needs: { big } }, ({ big }) => big.length);`,
      ),
      "huge.ts": task("huge", `() => "x".repeat(70_000_000)`, "{ retries: 3 }"),
      "neighbour.ts": NEIGHBOUR,
    },
  });
  const neighbour = await engine.create("neighbour");
  const big = await engine.run("big");
  assert.equal(big.tasks[1]!.value, 50_000_000);
  const huge = await engine.run("huge");
  assert.equal(huge.state, FAILED);
  assert.equal(huge.tasks[0]!.try, 1, "the same again would end the same way");
  assert.match(huge.tasks[0]!.error!, /70000002 bytes/);
  const after = await engine.ended(neighbour);
  assert.equal(after.state, SUCCESS);
  assert.equal(after.tasks[0]!.workerLost, 0);
});

test("results that are no JSON fail for good, each with its reason", async (t) => {
  const results = {
    bigint: ["() => 1n as never", /BigInt/],
    circular: ["() => { const a: Record<string, unknown> = {}; a.a = a; return a as never; }", /circular/],
    unreadable: ["() => ({ get x() { throw new Error('no x'); } }) as never", /no x/],
    deep: ["() => { let a: unknown = 1; for (let n = 0; n < 100_000; n += 1) a = [a]; return a as never; }", /call stack/],
  } as const;
  const files = Object.entries(results).map(([id, [body]]) => [`${id}.ts`, task(id, body, "{ retries: 3 }")] as const);
  const engine = await startEngine(t, { files: Object.fromEntries(files) });
  for (const [id, [, reason]] of Object.entries(results)) {
    const run = await engine.run(id);
    assert.equal(run.tasks[0]!.try, 1);
    assert.match(run.tasks[0]!.error!, reason);
  }
});

test("10,000 publishes, outlet events and log lines of one try are all stored", async (t) => {
  const file = `import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsQueue } from "@millrace/sqs";
    const many = defineAsset("many"); const queue = sqsQueue({ queueUrl: "http://127.0.0.1:1/000000000000/none" });
    export default defineDag("flood", {}, (dag) => {
      dag.task("t", { outlets: [many] }, ({ emit, publish, log }) => {
        for (let n = 0; n < 10_000; n += 1) { emit(many, { n }); publish(queue, { n }); log.info("line " + n); }
      });
    });`;
  const environment = {
    MILLRACE_CONN_AWS_DEFAULT: JSON.stringify({
      conn_type: "aws",
      login: "x",
      password: "y",
      extra: { endpoint_url: "http://127.0.0.1:1" },
    }),
  };
  const engine = await startEngine(t, { environment, files: { "flood.ts": file } });
  const run = await engine.run("flood");
  assert.equal(run.state, SUCCESS, run.tasks[0]?.error ?? "");
  const count = (sql: string): unknown => engine.db.prepare(sql).pluck().get();
  assert.equal(count("SELECT count(DISTINCT payload) FROM asset_event"), 10_000);
  assert.equal(count("SELECT count(DISTINCT body) FROM outbox_message"), 10_000);
  const lines = engine.db.prepare("SELECT chunk FROM task_log ORDER BY seq").pluck().all() as Buffer[];
  assert.equal(Buffer.concat(lines).toString().trimEnd().split("\n").length, 10_000);
});

test("a task that writes 20 MB to stdout without a line's end, and one that changes what all share, hurt nobody's run", async (t) => {
  const engine = await startEngine(t, {
    maxWorkers: 1,
    files: {
      "neighbour.ts": NEIGHBOUR,
      "stdout.ts": task(
        "stdout",
        `() => { process.stdout.write("x".repeat(20_000_000)); process.stderr.write("y\\n".repeat(50_000)); return 1; }`,
      ),
      "shared.ts": task(
        "shared",
        `() => { process.env.PATH = ""; process.chdir("/"); process.title = "x"; console.log = () => { throw new Error("no log"); }; return 1; }`,
      ),
    },
  });
  const before = process.memoryUsage().rss;
  const neighbour = await engine.create("neighbour");
  assert.equal((await engine.run("shared")).state, SUCCESS);
  assert.equal((await engine.run("stdout")).state, SUCCESS);
  const after = await engine.ended(neighbour);
  assert.equal(after.state, SUCCESS);
  assert.equal(after.tasks[0]!.workerLost, 0);
  assert.ok(process.memoryUsage().rss - before < 500 * 2 ** 20);
});

test("a destination made up by a task that fits no queue is rejected, and other messages go out", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const file = `import { defineDag } from "@millrace/sdk"; import { sqsQueue } from "@millrace/sqs"; import { kafkaTopic } from "@millrace/kafka";
    export default defineDag("made_up", {}, (dag) => {
      dag.task("t", ({ publish }) => {
        publish(sqsQueue({ queueUrl: "no address" }), { n: 1 });
        publish(sqsQueue({} as never), { n: 2 });
        publish(kafkaTopic({ topic: 7 } as never), { n: 3 });
        publish(sqsQueue({ queueUrl: "${queue}" }), { n: 4 });
      });
    });`;
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) };
  const engine = await startEngine(t, { environment, files: { "made-up.ts": file } });
  const run = await engine.run("made_up");
  assert.equal(run.state, SUCCESS, run.tasks[0]?.error ?? "");
  const states = (): unknown[] => engine.db.prepare("SELECT state FROM outbox_message ORDER BY id").pluck().all();
  await eventually(() => assert.deepEqual(states(), [11, 11, 11, 10]));
});

test("a try whose outcome cannot be stored fails its run, and every other one is stored", async (t) => {
  const file = `import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsQueue } from "@millrace/sqs";
    const a = defineAsset("a");
    const never = (value: unknown): never => value as never;
    export const key = defineDag("key", {}, (dag) => { dag.task("t", { outlets: [a] }, ({ emit }) => emit(a, 1, { partitionKey: never({ no: "text" }) })); });
    export const connection = defineDag("connection", {}, (dag) => { dag.task("t", ({ publish }) => publish(sqsQueue({ queueUrl: "http://h/1/q", connection: never({ no: "text" }) }), 1)); });`;
  const engine = await startEngine(t, { files: { "d.ts": file, "neighbour.ts": NEIGHBOUR } });
  const neighbour = await engine.create("neighbour");
  for (const id of ["key", "connection"]) {
    const run = await engine.run(id);
    assert.equal(run.state, FAILED, id);
  }
  assert.equal((await engine.ended(neighbour)).state, SUCCESS);
  assert.equal((await engine.run("neighbour")).state, SUCCESS);
});

test("a clock that a task replaces is its own, and a line of 100 MB is cut in its log", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "clock.ts": task("clock", `() => { Date.now = () => 9e18; return 1; }`, `{ isolation: "process" }`),
      "line.ts": task("line", `({ log }) => { log.info("x".repeat(100_000_000), { beside: "y" }); log.info("short"); return 1; }`),
    },
  });
  const { id } = await engine.run("clock");
  const ended = engine.db.prepare("SELECT ended_at FROM task_instance WHERE run_id = ?").pluck().get(id) as number;
  assert.ok(Math.abs(Date.now() - ended) < 3_600_000);
  const line = await engine.run("line");
  assert.equal(line.state, SUCCESS);
  const chunks = engine.db.prepare("SELECT chunk FROM task_log WHERE run_id = ? ORDER BY seq").pluck().all(line.id) as Buffer[];
  const [first, second] = Buffer.concat(chunks)
    .toString()
    .split("\n")
    .map((text) => (text === "" ? null : (JSON.parse(text) as { msg: string; fields?: { cut?: string } })));
  assert.ok(first!.msg.length < 40_000);
  assert.match(first!.fields!.cut!, /the line had 1000000\d\d characters/);
  assert.equal(second!.msg, "short");
});
