// Tasks as users write them, in real worker processes, against the real engine and database.
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "@millrace/test-services";
import { TASK_INSTANCE_STATE_CODES as STATE } from "../src/domain/states.ts";
import { startEngine } from "./engine-harness.ts";

const dag = (id: string, body: string, options = "{}"): string =>
  `import { defineAsset, defineDag, each, fail, skip } from "@millrace/sdk";\nexport default defineDag("${id}", ${options}, (dag) => {\n${body}\n});\n`;
const SUCCESS = 10;
const FAILED = 11;

function readLog(engine: Awaited<ReturnType<typeof startEngine>>, runId: number): string {
  const rows = engine.db.prepare("SELECT chunk FROM task_log WHERE run_id = ? ORDER BY task_index, try, seq").all(runId) as {
    chunk: Buffer;
  }[];
  return rows.map(({ chunk }) => chunk.toString()).join("");
}

test("a chain of tasks hands on its results, and each try has its log", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "chain.ts": dag(
        "chain",
        `const one = dag.task("one", ({ log }) => { log.info("first", { a: 1 }); console.warn("by console"); return { n: 2 }; });
         const two = dag.task("two", { needs: { one } }, async ({ one }) => one.n * 3);
         dag.task("three", { needs: { one, two } }, ({ one, two, run, task }) => [one.n, two, run.dagId, task.id, task.try]);`,
      ),
    },
  });
  const run = await engine.run("chain");
  assert.equal(run.state, SUCCESS);
  assert.deepEqual(
    run.tasks.map(({ value }) => value),
    [{ n: 2 }, 6, [2, 6, "chain", "three", 1]],
  );
  const log = readLog(engine, run.id);
  assert.match(log, /"level":"info","msg":"first","fields":\{"a":1\}/);
  assert.match(log, /"level":"warn","msg":"by console","stream":"stderr"/);
});

test("a failing task is tried again, and its stack is the author's own", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "retry.ts": dag(
        "retry",
        `dag.task("t", { retries: 2, retryDelay: "1ms" }, ({ task }) => { if (task.try < 3) throw new Error("try " + task.try); return task.try; });`,
      ),
    },
  });
  const run = await engine.run("retry");
  assert.equal(run.state, SUCCESS);
  assert.equal(run.tasks[0]!.value, 3);
  const tries = engine.db.prepare("SELECT try, error FROM task_try ORDER BY try").all() as { try: number; error: Buffer }[];
  assert.deepEqual(
    tries.map((row) => row.try),
    [1, 2],
  );
  assert.match(tries[0]!.error.toString(), /retry\.ts:3/);
  assert.doesNotMatch(tries[0]!.error.toString(), /task-runner/);
});

test("fail() spends no retries, skip() skips what follows", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "fail.ts": dag("fails", `dag.task("t", { retries: 9 }, () => fail("bad input"));`),
      "skip.ts": dag("skips", `const s = dag.task("s", () => skip("nothing to do")); dag.task("below", { after: [s] }, () => 1);`),
    },
  });
  const failed = await engine.run("fails");
  assert.equal(failed.state, FAILED);
  assert.equal(failed.tasks[0]!.try, 1);
  assert.match(failed.tasks[0]!.error!, /bad input/);
  const skipped = await engine.run("skips");
  assert.deepEqual(
    skipped.tasks.map(({ state }) => state),
    [STATE.skipped, STATE.skipped],
  );
});

test("a task that ignores its timeout is killed with its worker, and the innocent beside it run again", async (t) => {
  const engine = await startEngine(t, {
    maxWorkers: 1,
    files: {
      "stuck.ts": dag("stuck", `dag.task("t", { timeout: "200ms" }, () => { for (;;); });`),
      "innocent.ts": dag(
        "innocent",
        `dag.task("t", async ({ signal }) => { await new Promise((resolve) => setTimeout(resolve, 700)); return "done"; });`,
      ),
    },
  });
  const innocent = await engine.create("innocent");
  const stuck = await engine.run("stuck");
  assert.equal(stuck.state, FAILED);
  assert.match(stuck.tasks[0]!.error!, /did not end within its timeout of 200 ms/);
  const after = await engine.ended(innocent);
  assert.equal(after.state, SUCCESS);
  assert.equal(after.tasks[0]!.try, 1, "no retry was spent");
  assert.equal(after.tasks[0]!.workerLost, 0);
});

test("a task that heeds its signal ends at its timeout, and its worker lives on", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "heeds.ts": dag(
        "heeds",
        `dag.task("t", { timeout: "50ms" }, ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));`,
      ),
    },
  });
  const run = await engine.run("heeds");
  assert.match(run.tasks[0]!.error!, /TimeoutError/);
  assert.deepEqual(engine.warnings, []);
});

test("a task that ends its process is found out and given up; its neighbour is not", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "dies.ts": dag("dies", `dag.task("t", async () => { await new Promise((resolve) => setTimeout(resolve, 100)); process.exit(7); });`),
      "lives.ts": dag("lives", `dag.task("t", async () => { await new Promise((resolve) => setTimeout(resolve, 300)); return 1; });`),
    },
  });
  const lives = await engine.create("lives");
  const dies = await engine.run("dies");
  assert.equal(dies.state, FAILED);
  assert.match(dies.tasks[0]!.error!, /ended with exit code 7, 3 times; given up/);
  assert.equal((await engine.ended(lives)).state, SUCCESS);
});

test("a task that runs out of memory fails alone, and the next one finds a worker", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "fat.ts": dag(
        "fat",
        `dag.task("t", { isolation: "process" }, () => { const all = []; for (;;) all.push(new Array(1e6).fill(1.5)); });`,
      ),
      "thin.ts": dag("thin", `dag.task("t", () => 1);`),
    },
  });
  const fat = await engine.run("fat");
  assert.equal(fat.state, FAILED);
  assert.match(fat.tasks[0]!.error!, /ran out of memory/);
  assert.equal((await engine.run("thin")).state, SUCCESS);
});

test("health tells of the executor", async (t) => {
  const engine = await startEngine(t, { files: { "one.ts": dag("one", `dag.task("t", () => 1);`) } });
  await engine.run("one");
  assert.equal(engine.engine.health().executor, true);
  await engine.stop();
  assert.equal(engine.engine.health().executor, false);
});

test("a task that blocks its worker is named, and others run in another one", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "blocks.ts": dag("blocks", `dag.task("spin", () => { const end = Date.now() + 4000; while (Date.now() < end); return 1; });`),
      "quick.ts": dag("quick", `dag.task("t", () => process.pid);`),
    },
  });
  const blocking = await engine.create("blocks");
  await eventually(() =>
    assert.ok(
      engine.warnings.some((line) => line.includes("blocks.spin")),
      "the warning names the task",
    ),
  );
  assert.equal((await engine.run("quick")).state, SUCCESS);
  assert.equal(
    (engine.db.prepare("SELECT state FROM dag_run WHERE id = ?").pluck().get(blocking) as number) < 10,
    true,
    "the blocking task still runs",
  );
  assert.equal((await engine.ended(blocking)).state, SUCCESS);
});

test("outlet events start the DAGs scheduled on them, filters decide, and results that do not fit fail for good", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "outlets.ts": `import { defineAsset, defineDag, each } from "@millrace/sdk"; import { z } from "zod";
        const sums = defineAsset("sums", { schema: z.object({ n: z.number() }) });
        export const make = defineDag("make", { params: z.object({ n: z.number().default(1) }) }, (dag) => {
          dag.task("t", { outlets: [sums] }, ({ emit, params }) => { emit(sums, { n: params.n }); emit(sums, { n: params.n + 100 }, { extra: { why: "big" } }); });
        });
        export const value = defineDag("value", {}, (dag) => { dag.task("t", { outlets: [sums] }, () => ({ n: 500 })); });
        export const bad = defineDag("bad", {}, (dag) => { dag.task("t", { outlets: [sums], retries: 5 }, () => ({ n: "x" }) as never); });
        export const big = defineDag("big", { schedule: each(sums, { where: "payload.n > 100" }) }, (dag) => { dag.task("t", ({ event }) => [event.payload.n, event.extra, event.asset]); });`,
    },
  });
  await engine.run("make", { params: { n: 7 } });
  await engine.run("value");
  const bad = await engine.run("bad");
  assert.equal(bad.tasks[0]!.try, 1);
  assert.match(bad.tasks[0]!.error!, /payload for asset 'sums' does not pass its schema/);
  const decisions = engine.db.prepare("SELECT decisions FROM asset_event ORDER BY id").pluck().all() as Buffer[];
  assert.deepEqual(
    decisions.map((row) => (JSON.parse(row.toString()) as unknown[][])[0]!.slice(1)),
    [
      [3, null, "payload.n > 100 is false"],
      [1, 2],
      [1, 1],
    ],
  );
  const runs = engine.db
    .prepare("SELECT r.id FROM dag_run r JOIN dag d ON d.id = r.dag WHERE d.dag_id = 'big' ORDER BY r.id")
    .pluck()
    .all() as number[];
  const values = await Promise.all(runs.map(async (id) => (await engine.ended(id)).tasks[0]!.value));
  assert.deepEqual(values, [
    [107, { why: "big" }, "sums"],
    [500, {}, "sums"],
  ]);
});

test("a connection is given to the task that asks, masked in what it leaves behind, and nowhere in its environment", async (t) => {
  const secret = "s3cr3t-pa\\\\ss";
  const engine = await startEngine(t, {
    environment: {
      MILLRACE_CONN_WAREHOUSE: `{"conn_type":"postgres","host":"db","password":"${secret}"}`,
      MILLRACE_VAR_REGION: "eu-west-1",
    },
    files: {
      "secret.ts": dag(
        "secret",
        `dag.task("t", async ({ connection, variable, log }) => {
           const warehouse = await connection("warehouse");
           log.info("the password is " + warehouse.password);
           const missing = await connection("nope").catch((error) => error.message);
           return { password: warehouse.password, host: warehouse.host, region: (await variable("region")).length, missing, env: Object.keys(process.env).filter((name) => /MILLRACE|CONN|AIRFLOW/.test(name)) };
         });`,
      ),
    },
  });
  const run = await engine.run("secret");
  const value = run.tasks[0]!.value as { password: string; host: string; region: number; missing: string; env: string[] };
  assert.equal(value.password, "***");
  assert.equal(value.host, "db");
  assert.equal(value.region, "eu-west-1".length);
  assert.match(value.missing, /connection 'nope'/);
  assert.deepEqual(value.env, []);
  assert.doesNotMatch(readLog(engine, run.id), /s3cr3t/);
});

test("a value that looks like a number or a word of the log's own spoils neither results nor logs", async (t) => {
  const engine = await startEngine(t, {
    environment: {
      MILLRACE_VAR_LIMIT: "100",
      MILLRACE_VAR_FLAG: "true",
      MILLRACE_VAR_LEVEL: "info",
      MILLRACE_VAR_START: String(Date.now()).slice(0, 4),
    },
    files: {
      "vars.ts": dag(
        "vars",
        `const t = dag.task("t", async ({ variable, log }) => {
           const limit = await variable("limit");
           for (const key of ["flag", "level", "start"]) await variable(key);
           log.info({ limit: 7n });
           log.info("limit " + limit, { limit, at: 1001, [limit]: [limit] });
           return { limit: Number(limit), text: "limit " + limit, isOn: true, [limit]: "a" };
         });
         dag.task("below", { needs: { t } }, ({ t }) => t.limit + 1);`,
      ),
    },
  });
  const run = await engine.run("vars");
  assert.deepEqual(
    run.tasks.map(({ value }) => value),
    [{ limit: 100, text: "limit ***", isOn: true, "***": "a" }, 101],
  );
  const [first, second] = readLog(engine, run.id).trim().split("\n");
  assert.equal(JSON.parse(first!).msg, "{ limit: 7n }");
  const line = JSON.parse(second!) as { t: number; level: string; msg: string; fields: unknown };
  assert.equal(typeof line.t, "number");
  assert.deepEqual({ ...line, t: 0 }, { t: 0, level: "info", msg: "limit ***", fields: { limit: "***", at: 1001, "***": ["***"] } });
});

test("a task that asks for an unknown connection or variable fails at the author's line", async (t) => {
  const body = (ask: string): string => `dag.task("t", async ({ connection, variable }) => {\n  await ${ask};\n});`;
  const engine = await startEngine(t, {
    files: { "conn.ts": dag("conn", body(`connection("nope")`)), "var.ts": dag("var", body(`variable("nope")`)) },
  });
  for (const [id, message] of [
    ["conn", /"message":"connection 'nope': expected it in/] as const,
    ["var", /"message":"variable 'nope'/] as const,
  ]) {
    const { error } = (await engine.run(id)).tasks[0]!;
    assert.match(error!, message);
    assert.match(error!, new RegExp(`"stack":"Error: .*\\\\n +at .*${id}\\.ts:4`));
    assert.doesNotMatch(error!, /value-requests/);
  }
});

test("a saved file is the next run's version, a broken one leaves the last good one running (P10)", async (t) => {
  const engine = await startEngine(t, { files: { "v.ts": dag("v", `dag.task("t", () => 1);`) } });
  const file = join(engine.dags, "v.ts");
  assert.equal((await engine.run("v")).tasks[0]!.value, 1);
  writeFileSync(file, dag("v", `dag.task("t", () => 2);`));
  await engine.engine.loader.load();
  assert.equal((await engine.run("v")).tasks[0]!.value, 2);
  writeFileSync(file, "this is no TypeScript {");
  await engine.engine.loader.load();
  assert.equal((await engine.run("v")).tasks[0]!.value, 2);
  assert.equal(engine.db.prepare("SELECT count(*) FROM import_error").pluck().get(), 1);
});
