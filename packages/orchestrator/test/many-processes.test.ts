// Parts of a server as processes of their own, on one PostgreSQL: killed, stopped and frozen.
import { strict as assert } from "node:assert";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, findFreePorts, skipWithout } from "@millrace/test-services";
import { type ProcessCluster, startProcessCluster, WITHIN } from "./process-cluster.ts";

const skip = skipWithout("postgres");

/** Tasks note that they begin, and wait for a file. */
const slow = (folder: string): string => `import { appendFileSync, existsSync } from "node:fs";
import { defineDag } from "@millrace/sdk";
export default defineDag("slow", {}, (dag) => {
  dag.task("t", async ({ run }) => {
    appendFileSync("${folder}/tries", run.id + "\\n");
    while (!existsSync("${folder}/go")) await new Promise((resolve) => setTimeout(resolve, 20));
    return run.id;
  });
});`;

const linesOf = (file: string): readonly string[] => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);

async function startRuns({ call }: ProcessCluster, dagId: string, count: number): Promise<void> {
  await eventually(() => call(`/api/v2/dags/${dagId}`), WITHIN);
  for (let run = 0; run < count; run += 1) await call(`/api/v2/dags/${dagId}/dagRuns`, { logical_date: null });
}

test(
  "a scheduler that stands still is taken for dead; when it wakes, what it still had changes nothing, and it begins anew",
  { skip },
  async (t) => {
    const cluster = await startProcessCluster(t, { files: { "slow.ts": slow } });
    const { rows, folder } = cluster;
    const first = cluster.start("scheduler-1", "scheduler");
    await startRuns(cluster, "slow", 6);
    await eventually(() => assert.equal(linesOf(join(folder, "tries")).length, 6), WITHIN);
    cluster.start("scheduler-2", "scheduler");
    await eventually(
      async () => assert.equal((await rows("SELECT 1 FROM process WHERE state = 'live' AND roles = 'scheduler'")).length, 2),
      WITHIN,
    );
    // The server alone: its workers go on, and their results wait for it.
    first.signal("SIGSTOP");
    writeFileSync(join(folder, "go"), "");
    await eventually(async () => assert.equal((await rows("SELECT 1 FROM dag_run WHERE state = 10 AND is_adopted = 1")).length, 6), WITHIN);
    assert.equal(linesOf(join(folder, "tries")).length, 12, "each was begun again, as the same try");
    const before = await rows("SELECT run_id, try, state, value FROM task_instance ORDER BY run_id");
    first.signal("SIGCONT");
    await eventually(() => assert.match(readFileSync(first.logFile, "utf8"), /another process took this one for dead/), WITHIN);
    await eventually(() => assert.equal(first.restarts, 1), WITHIN);
    assert.deepEqual(await rows("SELECT run_id, try, state, value FROM task_instance ORDER BY run_id"), before);
    await eventually(
      async () => assert.equal((await rows("SELECT 1 FROM process WHERE state = 'live' AND roles = 'scheduler'")).length, 2),
      WITHIN,
    );
  },
);

test("a run whose owner was never told of it is found; so is what waits in an inbox", { skip }, async (t) => {
  const quick = () => `import { coalesce, defineAsset, defineDag } from "@millrace/sdk";
const a = defineAsset("a");
export const direct = defineDag("direct", { schedule: a }, (dag) => { dag.task("t", () => 1); });
export const all = defineDag("all", { schedule: coalesce(a) }, (dag) => { dag.task("t", () => 1); });`;
  const cluster = await startProcessCluster(t, { files: { "quick.ts": quick } });
  const { rows, call } = cluster;
  cluster.start("scheduler", "scheduler");
  await eventually(() => call("/api/v2/dags/direct"), WITHIN);
  const owner = "(SELECT max(id) FROM process WHERE roles = 'scheduler' AND state = 'live')";
  const id = "(nextval('commit_number') * 4096)";
  const dag = (dagId: string) => `(SELECT id FROM dag WHERE dag_id = '${dagId}')`;
  // As another process would have stored them, whose notification was lost.
  await rows(
    `INSERT INTO asset_event (id, asset_id, payload, created_at, decisions) SELECT ${id}, a.id, convert_to('{}', 'UTF8'), 0, convert_to('[]', 'UTF8') FROM asset a WHERE a.name = 'a'`,
  );
  await rows(
    `INSERT INTO pattern_event (id, shard, dag, event_id, created_at) SELECT ${id}, d.shard, d.id, e.id, 0 FROM dag d, asset_event e WHERE d.dag_id = 'all'`,
  );
  await rows(`INSERT INTO dag_run (id, dag, version_id, state, run_type, event_id, owner_id, created_at)
    SELECT ${id}, ${dag("direct")}, (SELECT version_id FROM dag WHERE dag_id = 'direct'), 0, 0, (SELECT max(id) FROM asset_event), ${owner}, 0`);
  await eventually(async () => assert.equal((await rows("SELECT 1 FROM dag_run WHERE state = 10")).length, 2), WITHIN);
  assert.deepEqual(await rows("SELECT 1 FROM pattern_event"), []);
});

test("a trigger that only one process may have open goes on in another one, without a gap and without a double", { skip }, async (t) => {
  const counting = (folder: string) => `import { appendFileSync } from "node:fs";
import { defineAsset, defineDag, defineTrigger } from "@millrace/sdk";
const count = defineTrigger({ kind: "test.count", async *run({ cursor, signal }) {
  for (let n = (cursor ?? 0) + 1; !signal.aborted; n += 1) {
    yield { payload: { n }, cursor: n };
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
} });
const numbers = defineAsset("numbers", { watchers: { w: count() } });
export default defineDag("take", { schedule: numbers }, (dag) => { dag.task("t", () => appendFileSync("${folder}/taken", "x\\n")); });`;
  const cluster = await startProcessCluster(t, { files: { "count.ts": counting } });
  const { rows } = cluster;
  cluster.start("scheduler", "scheduler");
  const triggerers = [cluster.start("triggerer-1", "triggerer"), cluster.start("triggerer-2", "triggerer")];
  const events = async (): Promise<readonly number[]> => {
    const found = await rows<{ n: string }>("SELECT convert_from(payload, 'UTF8')::json ->> 'n' AS n FROM asset_event ORDER BY id");
    return found.map(({ n }) => Number(n));
  };
  let reached = 0;
  for (let kill = 0; kill < 2; kill += 1) {
    await eventually(async () => assert.ok((await events()).length > reached + 20), WITHIN);
    const [holder] = await rows<{ pid: number }>(
      "SELECT p.pid FROM trigger_lease l JOIN process p ON p.id = l.owner_id WHERE p.state = 'live'",
    );
    await triggerers.find(({ pid }) => pid === holder?.pid)!.kill();
    reached = (await events()).length;
    await eventually(async () => assert.ok((await events()).length > reached), WITHIN);
    for (const triggerer of triggerers) if (!triggerer.isRunning) triggerer.start();
  }
  const found = await events();
  assert.deepEqual(
    found,
    found.map((_, index) => index + 1),
  );
});

test("SIGTERM: a scheduler gives up its shards at once, ends what it runs, and leaves nothing to adopt", { skip }, async (t) => {
  const cluster = await startProcessCluster(t, { files: { "slow.ts": slow } });
  const { rows, folder } = cluster;
  const first = cluster.start("scheduler-1", "scheduler");
  await startRuns(cluster, "slow", 4);
  await eventually(() => assert.equal(linesOf(join(folder, "tries")).length, 4), WITHIN);
  cluster.start("scheduler-2", "scheduler");
  await eventually(
    async () => assert.equal((await rows("SELECT 1 FROM process WHERE state = 'live' AND roles = 'scheduler'")).length, 2),
    WITHIN,
  );
  const stopped = first.stop();
  const holders = "SELECT count(DISTINCT owner_id)::integer AS n, count(owner_id)::integer AS held FROM shard";
  await eventually(async () => assert.deepEqual(await rows(holders), [{ n: 1, held: 64 }]), WITHIN);
  assert.deepEqual(await rows("SELECT 1 FROM dag_run WHERE state >= 10"), [], "they still run");
  appendFileSync(join(folder, "go"), "");
  await stopped;
  assert.deepEqual(
    await rows("SELECT state, is_adopted FROM dag_run"),
    Array.from({ length: 4 }, () => ({ state: 10, is_adopted: 0 })),
  );
  assert.equal(linesOf(join(folder, "tries")).length, 4);
});

test("a worker that knows one scheduler works for all of them; it has no database", { skip }, async (t) => {
  const cluster = await startProcessCluster(t, { files: { "slow.ts": slow } });
  const { rows, folder, start } = cluster;
  const ports = await findFreePorts(2);
  writeFileSync(join(folder, "go"), "");
  const environment = { MILLRACE_WORKER_TOKEN: "0123456789abcdef0123456789abcdef" };
  for (const [index, port] of ports.entries()) {
    start(`scheduler-${index + 1}`, environment, "scheduler", "--worker-port", String(port), "--local-workers", "0");
  }
  start("worker", { ...environment, MILLRACE_DB_URL: "" }, "worker", "--processes", "1", "--scheduler", `127.0.0.1:${ports[0]}`);
  const connected = () => {
    const log = readFileSync(join(folder, "worker.log"), "utf8");
    assert.equal(log.split("connected to a scheduler").length, 3, log);
  };
  await eventually(connected, WITHIN);
  // Runs are given to the scheduler that has least to do, so that both have some.
  await startRuns(cluster, "slow", 6);
  await eventually(async () => assert.equal((await rows("SELECT 1 FROM dag_run WHERE state = 10")).length, 6), WITHIN);
  assert.equal((await rows("SELECT DISTINCT owner_id FROM dag_run")).length, 2);
});
