// The machine's clock is set back by an hour while everything is under way.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import { type Clock, systemClock } from "../src/domain/clock.ts";
import { startEngine } from "./engine-harness.ts";

const HOUR_MS = 3_600_000;

const dagFile = (
  queue: string,
): string => `import { all, defineAsset, defineDag, every } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs";
const messages = defineAsset("messages", { watchers: { w: sqsTrigger({ queueUrl: "${queue}", waitTimeSeconds: 1 }) } });
const other = defineAsset("other");
export const each = defineDag("each", { schedule: messages }, (dag) => { dag.task("t", ({ event }) => event.payload); });
export const join = defineDag("join", { schedule: all([messages, other]) }, (dag) => { dag.task("t", ({ events }) => events.length); });
export const ticking = defineDag("ticking", { schedule: every("1s") }, (dag) => { dag.task("t", () => 1); });
export const retried = defineDag("retried", { retries: 1, retryDelay: "2s" }, (dag) => { dag.task("t", ({ task }) => { if (task.try === 1) throw new Error("once"); return task.try; }); });
export const limited = defineDag("limited", {}, (dag) => { dag.task("t", { timeout: "1s" }, ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))); });
`;

test("a clock that is set back by an hour: messages, ids, joins, intervals, retries and timeouts go on", async (t) => {
  let offsetMs = 0;
  const clock: Clock = { ...systemClock, now: () => Date.now() + offsetMs };
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) };
  const { engine, db, run, create, ended, warnings } = await startEngine(t, { files: { "d.ts": dagFile(queue) }, environment, clock });
  const count = (table: string, where = "1"): unknown => db.prepare(`SELECT count(*) FROM ${table} WHERE ${where}`).pluck().get();
  const send = (from: number): Promise<void> =>
    sqs.send(
      queue,
      Array.from({ length: 50 }, (_, n) => String(from + n)),
    );
  const runsOf = (dagId: string): string => `dag = (SELECT id FROM dag WHERE dag_id = '${dagId}') AND state = 10`;

  await send(0);
  await eventually(() => assert.equal(count("dag_run", runsOf("each")), 50));
  const newest = db.prepare("SELECT max(id) FROM dag_run").pluck().get() as number;
  const retried = await create("retried");
  await eventually(() => assert.equal(count("task_try"), 1));
  offsetMs = -HOUR_MS;

  assert.deepEqual(
    (await ended(retried)).tasks.map(({ try: number, value }) => [number, value]),
    [[2, 2]],
    "the retry waits no hour",
  );
  await send(50);
  await eventually(() => assert.equal(count("dag_run", runsOf("each")), 100));
  assert.equal(count("asset_event"), 100, "one for each message");
  assert.equal(count("dag_run", `id > ${newest} AND ${runsOf("each")}`), 50, "ids go on above those that were given");
  await engine.createAssetEvent({ asset: { name: "other" }, payload: 1, extra: null, partitionKey: null });
  await eventually(() => assert.equal(count("dag_run", runsOf("join")), 1));
  const ticks = count("dag_run", runsOf("ticking")) as number;
  await eventually(() => assert.ok((count("dag_run", runsOf("ticking")) as number) > ticks));
  const { tasks } = await run("limited");
  assert.match(tasks[0]!.error ?? "", /timeout|timed out|1s/i);
  assert.deepEqual(warnings, []);
});
