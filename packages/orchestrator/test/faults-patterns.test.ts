// Patterns when something dies, fills up or is edited: an event starts what it is to start, once.
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import { type EngineHarness, startEngine } from "./engine-harness.ts";

const dagFile = (
  schedule: string,
  assets = `const a = defineAsset("a"); const b = defineAsset("b"); const c = defineAsset("c");`,
): string =>
  `import { defineAsset, defineDag, each, coalesce, all, any } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs";
${assets}
export default defineDag("d", { schedule: ${schedule}, maxActiveRuns: 50 }, (dag) => {
  dag.task("t", ({ pattern, events }) => [pattern, events.flat().map(({ payload }) => payload)]);
});\n`;

async function emit({ engine }: EngineHarness, asset: string, payload: unknown): Promise<void> {
  await engine.createAssetEvent({ asset: { name: asset }, payload, extra: null, partitionKey: null });
}

const column = ({ db }: EngineHarness, sql: string): unknown[] => db.prepare(sql).pluck().all();
const pending = (engine: EngineHarness): unknown => column(engine, "SELECT count(*) FROM pattern_event")[0];
const values = (engine: EngineHarness): unknown[] =>
  column(engine, "SELECT t.value FROM task_instance t JOIN dag_run r ON r.id = t.run_id WHERE r.state = 10 ORDER BY r.id").map(
    (value) => JSON.parse(String(value)) as unknown,
  );

test("an event that one pattern has taken and another waits with is not taken again after a restart or an edit", async (t) => {
  const first = await startEngine(t, { files: { "d.ts": dagFile("any([each(a), all([a, b])])") } });
  await emit(first, "a", 1);
  await eventually(() => assert.deepEqual(values(first), [["each", [1]]]));
  await first.stop(0);
  const second = await startEngine(t, { files: {}, home: first.home });
  await emit(second, "a", 2);
  await eventually(() => assert.equal(values(second).length, 2), { withinMs: 10_000 });
  assert.deepEqual(values(second), [
    ["each", [1]],
    ["each", [2]],
  ]);
  writeFileSync(join(second.dags, "d.ts"), dagFile(`any([all([a, b]), each(a, { where: "payload < 9.0" })])`));
  await second.engine.loader.load();
  await emit(second, "b", 3);
  await eventually(() => assert.equal(values(second).length, 3));
  assert.deepEqual(values(second)[2], ["all", [1, 2, 3]]);
  assert.equal(pending(second), 0);
});

test("what only waited for a pattern that an edit took away waits no longer", async (t) => {
  const engine = await startEngine(t, { files: { "d.ts": dagFile("any([each(a), all([a, b])])") } });
  await emit(engine, "a", 1);
  await eventually(() => assert.equal(values(engine).length, 1));
  assert.equal(pending(engine), 1);
  writeFileSync(join(engine.dags, "d.ts"), dagFile("any([each(a), all([b, c])])"));
  await engine.engine.loader.load();
  await eventually(() => assert.equal(pending(engine), 0));
  assert.deepEqual(values(engine), [["each", [1]]]);
  assert.deepEqual(column(engine, "SELECT code FROM event_decision"), [1], "it is still said to have run");
});

test("a join whose one side has filled the inbox still gets the other side", async (t) => {
  const sqs = await sharedFauxqs();
  const [many, few] = [await sqs.createQueue(), await sqs.createQueue()];
  const watched = (name: string, queue: string): string =>
    `const ${name} = defineAsset("${name}", { watchers: { w: sqsTrigger({ queueUrl: "${queue}", waitTimeSeconds: 1 }) } });`;
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()), MILLRACE_INBOX_LIMIT: "20" };
  const files = { "d.ts": dagFile("[a, b]", `${watched("a", many)} ${watched("b", few)}`) };
  const engine = await startEngine(t, { files, environment });
  await sqs.send(
    many,
    Array.from({ length: 60 }, (_, n) => String(n)),
  );
  await eventually(() => assert.ok(engine.engine.triggerer.health().some(({ state }) => state === "paused")));
  await sqs.send(few, ["1000"]);
  await eventually(() => assert.ok(values(engine).length > 0), { withinMs: 10_000 });
  assert.ok(JSON.stringify(values(engine)[0]).includes("1000"));
});

test("dropping what waits means what waits now: two at once, and an event that comes meanwhile", async (t) => {
  const harness = await startEngine(t, { files: { "d.ts": dagFile("[a, b]") } });
  for (const payload of [1, 2, 3]) await emit(harness, "a", payload);
  const [first, second] = await Promise.all([
    harness.engine.dropPendingEvents("d"),
    harness.engine.dropPendingEvents("d"),
    emit(harness, "a", 4),
  ]);
  assert.deepEqual([first, second], [3, 3]);
  assert.equal((await harness.engine.pauseDag("d")).pendingEvents, 1);
  await harness.engine.unpauseDag("d");
  await emit(harness, "b", 5);
  await eventually(() => assert.deepEqual(values(harness), [["all", [4, 5]]]), { withinMs: 10_000 });
  assert.equal(pending(harness), 0);
});
