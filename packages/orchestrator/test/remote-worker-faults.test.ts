// Tasks that misbehave on another machine: what holds here holds there.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { eventually } from "@millrace/test-services";
import { makeProject } from "./standalone-process.ts";
import { REMOTE_ONLY, workerAddress, WorkerProcess, workerToken } from "./worker-process.ts";

const DAGS = `import { defineDag } from "@millrace/sdk";
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const hangs = defineDag("hangs", {}, (dag) => { dag.task("t", { timeout: "1s" }, () => pause(600_000)); });
export const ends = defineDag("ends", {}, (dag) => { dag.task("t", async () => { await pause(50); process.exit(7); }); });
export const blocks = defineDag("blocks", {}, (dag) => { dag.task("t", { isolation: "process" }, () => { const end = Date.now() + 3_000; while (Date.now() < end); return 1; }); });
export const lacks = defineDag("lacks", {}, (dag) => { dag.task("t", ({ connection }) => connection("nowhere")); });
export const calm = defineDag("calm", {}, (dag) => { dag.task("t", async ({ log }) => { for (let n = 0; n < 20; n += 1) { log.info("line " + n); await pause(200); } return process.ppid; }); });`;

test("a task that hangs, ends its process, blocks or asks for what is not there fails alone", { timeout: 240_000 }, async (t) => {
  const project = makeProject(t, { "d.ts": DAGS });
  const server = await project.start({ args: REMOTE_ONLY });
  const worker = new WorkerProcess(t, { schedulers: [workerAddress(server)], token: workerToken(project), args: ["--processes", "2"] });
  await worker.connected();
  const runs = new Map<string, string>();
  for (const dag of ["calm", "hangs", "ends", "blocks", "lacks"]) {
    const { body } = await server.post(`/api/v2/dags/${dag}/dagRuns`, { logical_date: null });
    runs.set(dag, body.dag_run_id);
  }
  const instanceOf = async (dag: string) => (await server.get(`/api/v2/dags/${dag}/dagRuns/${runs.get(dag)}/taskInstances/t`)).body;
  const ended = async (dag: string) =>
    eventually(
      async () => {
        const instance = await instanceOf(dag);
        assert.match(String(instance.state), /^(success|failed)$/, dag);
        return instance;
      },
      { withinMs: 120_000 },
    );
  await eventually(async () => {
    const blocked = (await server.get("/api/v2/workers")).body.workers[0];
    assert.match(blocked.reason, /^tasks block \d of its processes$/);
  });
  for (const [dag, error] of [
    ["hangs", /TimeoutError: the task did not end within its timeout of 1000 ms/],
    ["ends", /WorkerLost: the worker ended with exit code 7, 3 times; given up/],
    ["lacks", /CONNECTION_NOT_FOUND|no connection 'nowhere'|nowhere/],
  ] as const) {
    const instance = await ended(dag);
    assert.equal(instance.state, "failed", dag);
    assert.match(`${instance.error.name}: ${instance.error.message}`, error);
    assert.equal(instance.try_number, 1);
  }
  for (const dag of ["blocks", "calm"]) {
    const { state, try_number } = await ended(dag);
    assert.deepEqual([dag, state, try_number], [dag, "success", 1]);
  }
  const log = (await project.run(["tasks", "logs", "calm", "latest"])).out;
  assert.match(log, /line 0[^]*line 19/);
  assert.equal(await worker.stop(), 0);
});
