// `millrace dags test` as its users run it: a process, with no server and no broker anywhere.
import { strict as assert } from "node:assert";
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../bin/millrace.js", import.meta.url));
const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));

interface Project {
  readonly folder: string;
  readonly environment: Record<string, string>;
  /** Where the command keeps what is only its own. */
  readonly temporary: string;
  run(args: readonly string[], environment?: Record<string, string>): Promise<{ code: number; out: string; err: string }>;
}

function makeProject(t: TestContext, files: Readonly<Record<string, string>>): Project {
  const folder = mkdtempSync(join(tmpdir(), "millrace-dags-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(NODE_MODULES, join(folder, "node_modules"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const temporary = join(folder, ".tmp");
  mkdirSync(temporary);
  const base = { PATH: process.env["PATH"] ?? "", TMPDIR: temporary };
  return {
    folder,
    environment: base,
    temporary,
    run: async (args, environment = {}) =>
      new Promise((resolve) => {
        const options = { cwd: folder, env: { ...base, ...environment } };
        execFile(process.execPath, [BIN, "dags", "test", ...args], options, (error, out, err) =>
          resolve({ code: error === null ? 0 : Number(error.code), out, err }),
        );
      }),
  };
}

const ALERT = `import { defineAsset, defineDag, each } from "@millrace/sdk";
import { sqsQueue, sqsTrigger } from "@millrace/sqs";
import { z } from "zod";
const queue = "https://sqs.us-east-1.amazonaws.com/000000000000/";
const readings = defineAsset("readings", {
  schema: z.object({ sensor: z.string(), celsius: z.number() }),
  watchers: { w: sqsTrigger({ queueUrl: queue + "readings" }) },
});
const scores = defineAsset("scores");
const alerts = sqsQueue({ queueUrl: queue + "alerts" });
export const evaluate = defineDag("evaluate", { schedule: each(readings, { where: "payload.celsius > 80" }) }, (dag) => {
  const score = dag.task("score", ({ event, log }) => { log.info("scoring", { of: event.payload.sensor }); return event.payload.celsius - 80; });
  dag.task("alert", { needs: { score }, outlets: [scores] }, ({ score, publish, emit }) => { publish(alerts, { score }); emit(scores, { score }); });
});
`;
const DOWNSTREAM = `export const high = defineDag("high", { schedule: each(scores, { where: "payload.score > 100" }) }, (dag) => { dag.task("t", () => 1); });
export const every = defineDag("every", { schedule: scores }, (dag) => { dag.task("never", () => { console.log("ran downstream"); }); });
`;

test("one payload: the decision, each task with its log and value, publishes and events that go nowhere", async (t) => {
  const project = makeProject(t, { "alert.ts": ALERT + DOWNSTREAM });
  const { code, out, err } = await project.run(["alert.ts", "evaluate", "--event", '{"sensor":"s1","celsius":95}']);
  assert.deepEqual([code, err], [0, ""], out);
  const expected = [
    /^evaluate in alert\.ts: 2 tasks, runs on each\(readings/,
    /^event of asset 'readings': \{"sensor":"s1","celsius":95\}$/,
    /^decision: starts a run, since payload\.celsius > 80 is true$/,
    /^score {2}running$/,
    /^score {2}INFO {2}scoring \{"of":"s1"\}$/,
    /^score {2}success after \d+ ms → 15$/,
    /^alert {2}running$/,
    /^alert {2}publishes to sqs aws_default \{"queueUrl":".*\/alerts"\}: \{"score":15\} \(not sent by a test\)$/,
    /^alert {2}event of asset 'scores': \{"score":15\}$/,
    /^alert {4}every: would start a run \(not started by a test\)$/,
    /^alert {4}high: would start no run: payload\.score > 100 is false$/,
    /^alert {2}success after \d+ ms$/,
    /^run: success after \d+ ms$/,
  ];
  const lines = out.trimEnd().split("\n");
  assert.equal(lines.length, expected.length, out);
  expected.forEach((pattern, index) => assert.match(lines[index]!, pattern));
  assert.doesNotMatch(out, /ran downstream/);
  assert.deepEqual(readdirSync(project.temporary), [], "nothing is left behind");
  assert.ok(!existsSync(join(project.folder, ".millrace")));
});

test("what a message would not become a run for is told with its reason, and is exit code 1", async (t) => {
  const project = makeProject(t, { "alert.ts": ALERT });
  const cases: readonly [event: string, reason: RegExp][] = [
    ['{"sensor":"s1","celsius":20}', /^decision: no run, filtered out: payload\.celsius > 80 is false$/m],
    ['{"sensor":"s1","celsius":"hot"}', /^decision: no event, it becomes a dead letter, SCHEMA: .*'celsius' must be number, got "hot"$/m],
  ];
  await Promise.all(
    cases.map(async ([event, reason]) => {
      const { code, out } = await project.run(["alert.ts", "--event", event]);
      assert.equal(code, 1);
      assert.match(out, reason);
      assert.doesNotMatch(out, /running/);
    }),
  );
});

test("retries are made without their delay; a failed run is exit code 1, with the author's stack", async (t) => {
  const project = makeProject(t, {
    "retry.ts": `import { defineDag } from "@millrace/sdk";
export const recovers = defineDag("recovers", {}, (dag) => {
  dag.task("t", { retries: 2, retryDelay: "1h" }, ({ task }) => { if (task.try === 1) throw new Error("first try"); return task.try; });
});
export const fails = defineDag("fails", {}, (dag) => {
  const t = dag.task("t", () => { throw new TypeError("never"); });
  dag.task("after", { needs: { t } }, () => 1);
});
`,
  });
  const recovers = await project.run(["retry.ts", "recovers"]);
  assert.equal(recovers.code, 0, recovers.out);
  assert.match(recovers.out, /^t {2}failed after \d+ ms, try 1 of 3\nt {4}Error: first try\nt {8}at .*retry\.ts:3:\d+/m);
  assert.match(recovers.out, /^t {2}tried again at once; a server would wait 1 h 0 min or more\nt {2}running, try 2$/m);
  assert.match(recovers.out, /^t {2}success after \d+ ms → 2$/m);
  const fails = await project.run(["retry.ts", "fails"]);
  assert.equal(fails.code, 1);
  assert.match(fails.out, /^t {6}failed after \d+ ms\nt {8}TypeError: never\nt {12}at .*retry\.ts:6:\d+/m);
  assert.match(fails.out, /^after {2}upstream_failed\nrun: failed after/m);
});

test("params, connections and variables reach the tasks", async (t) => {
  const project = makeProject(t, {
    "hand.ts": `import { defineDag } from "@millrace/sdk"; import { z } from "zod";
export default defineDag("hand", { params: z.object({ day: z.string(), n: z.number().default(3) }) }, (dag) => {
  dag.task("t", async ({ params, connection, variable }) => [params, (await connection("ware_house")).host, await variable("region")]);
});
`,
  });
  const environment = { MILLRACE_CONN_WARE_HOUSE: '{"conn_type":"postgres","host":"db1"}', MILLRACE_VAR_REGION: "eu" };
  const { code, out } = await project.run(["hand.ts", "--conf", '{"day":"monday"}'], environment);
  assert.equal(code, 0, out);
  assert.match(out, /→ \[\{"day":"monday","n":3\},"db1","eu"\]$/m);
  const missing = await project.run(["hand.ts"], environment);
  assert.deepEqual(
    [missing.code, missing.err.split("\n")[0]],
    [1, "error: params of DAG 'hand': the value must have required property 'day'"],
  );
});

test("files and arguments that will not do", async (t) => {
  const project = makeProject(t, {
    "alert.ts": ALERT,
    "two.ts": ALERT + DOWNSTREAM,
    "syntax.ts": "export const a = 1;\nexport default (;\n",
    "none.ts": "export const a = 1;\n",
  });
  const refused = async (args: readonly string[], code: number, err: RegExp): Promise<void> => {
    const result = await project.run(args);
    assert.equal(result.code, code, result.err);
    assert.match(result.err, err);
    assert.doesNotMatch(result.err, /\n {4}at /);
  };
  const example = '{"sensor":"text","celsius":1}';
  await Promise.all([
    refused(["alert.ts"], 1, new RegExp(`^error: DAG 'evaluate' .*\nhint: give a payload, like --event '${example}'\ncode: EVENT_NEEDED`)),
    refused(
      ["two.ts"],
      2,
      /^error: 'two\.ts' has 3 DAGs: evaluate, every, high\nhint: .*`millrace dags test two\.ts evaluate`\ncode: USAGE/,
    ),
    refused(["two.ts", "nope"], 1, /^error: 'two\.ts' has no DAG 'nope'\nhint: it has evaluate, every, high\ncode: DAG_NOT_FOUND/),
    refused(["syntax.ts"], 1, /^syntax\.ts:2:17 {2}SYNTAX_ERROR\n {2}Unexpected ";"\n {2}hint: correct the line that is named/),
    refused(["none.ts"], 1, /^error: expected 'none\.ts' to export a DAG/),
    refused(["gone.ts"], 2, /^error: expected a DAG file at '.*gone\.ts', found nothing/),
    refused(["."], 2, /found a folder/),
  ]);
});

test("Ctrl-C ends a test at once, and leaves nothing behind", async (t) => {
  const project = makeProject(t, {
    "loop.ts": `import { defineDag } from "@millrace/sdk";
export default defineDag("loop", {}, (dag) => { dag.task("t", () => { for (;;); }); });`,
  });
  const child = spawn(process.execPath, [BIN, "dags", "test", "loop.ts"], { cwd: project.folder, env: project.environment });
  t.after(() => child.kill("SIGKILL"));
  for await (const chunk of child.stdout) if (String(chunk).includes("running")) break;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGINT");
  assert.equal(await exited, 130);
  assert.deepEqual(readdirSync(project.temporary), []);
});
