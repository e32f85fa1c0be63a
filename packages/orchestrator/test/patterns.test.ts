// What starts a run: patterns, limits and pauses, by a whole engine on a database of its own.
import { strict as assert } from "node:assert";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import { type EngineHarness, startEngine } from "./engine-harness.ts";

const head = `import { defineAsset, defineDag, each, coalesce, all, any, cron, every } from "@millrace/sdk";
import { existsSync } from "node:fs";
const a = defineAsset("a"); const b = defineAsset("b"); const c = defineAsset("c");
const told = ({ pattern, event, events, triggeringAssetEvents }) => ({ pattern, event: simple(event), events: simple(events), assets: Object.keys(triggeringAssetEvents) });
const simple = (value) => value === undefined ? null : value?.id !== undefined && value.asset !== undefined ? value.payload : Array.isArray(value) ? value.map(simple) : Object.fromEntries(Object.entries(value).map(([name, one]) => [name, simple(one)]));
const gate = async () => { while (!existsSync(new URL("../gate", import.meta.url))) await new Promise((resolve) => setTimeout(resolve, 10)); };\n`;

/** A DAG `d` whose task returns what it was started with. */
const dagWith = (schedule: string, { options = "", body = "told" } = {}): string =>
  `${head}export default defineDag("d", { schedule: ${schedule}, ${options} }, (dag) => { dag.task("t", ${body}); });
export const other = defineDag("other", { schedule: any([a, b, c]) }, (dag) => { dag.task("t", () => 1); });\n`;

async function emit({ engine }: EngineHarness, asset: string, ...payloads: readonly unknown[]): Promise<number[]> {
  const ids: number[] = [];
  for (const payload of payloads)
    ids.push((await engine.createAssetEvent({ asset: { name: asset }, payload, extra: null, partitionKey: null })).id);
  return ids;
}

const column = ({ db }: EngineHarness, sql: string): unknown[] => db.prepare(sql).pluck().all();
const OF_D = "FROM dag_run r JOIN dag g ON g.id = r.dag WHERE g.dag_id = 'd'";
const runsOf = (engine: EngineHarness): unknown => column(engine, `SELECT count(*) ${OF_D}`)[0];
const values = (engine: EngineHarness): unknown[] =>
  column(
    engine,
    `SELECT t.value FROM task_instance t JOIN dag_run r ON r.id = t.run_id JOIN dag g ON g.id = r.dag WHERE g.dag_id = 'd' AND r.state = 10 ORDER BY r.id`,
  ).map((value) => JSON.parse(String(value)) as unknown);
const pending = (engine: EngineHarness): unknown => column(engine, "SELECT count(*) FROM pattern_event")[0];
/** Every event of the other DAG has run: so has all that this one will start. */
const settled = async (engine: EngineHarness, events: number): Promise<void> => {
  const done = "SELECT count(*) FROM dag_run r JOIN dag g ON g.id = r.dag WHERE g.dag_id = 'other' AND r.state = 10";
  await eventually(() => assert.equal(column(engine, done)[0], events));
};
const openGate = ({ home }: EngineHarness): void => writeFileSync(join(home, "gate"), "");

test("any of assets: a run for each event of either, by its filter", async (t) => {
  const engine = await startEngine(t, { files: { "d.ts": dagWith(`any([a, each(b, { where: "payload > 1.0" })])`) } });
  await emit(engine, "a", 1);
  await emit(engine, "b", 1, 2);
  await eventually(() => assert.equal(values(engine).length, 2));
  assert.deepEqual(values(engine), [
    { pattern: "each", event: 1, events: [1], assets: ["a"] },
    { pattern: "each", event: 2, events: [2], assets: ["b"] },
  ]);
  assert.equal(pending(engine), 0);
});

test("coalesce: one run at a time, for all that is pending", async (t) => {
  const body = "async (input) => { await gate(); return told(input); }";
  for (const schedule of ["coalesce(a)", "[a]"]) {
    await t.test(schedule, async (t) => {
      const engine = await startEngine(t, { files: { "d.ts": dagWith(schedule, { body }) } });
      await emit(engine, "a", 1);
      await eventually(() => assert.equal(runsOf(engine), 1));
      await emit(engine, "a", 2, 3, 4);
      await settled(engine, 4);
      assert.deepEqual([runsOf(engine), pending(engine)], [1, 3], "what arrives while it runs waits");
      openGate(engine);
      await eventually(() => assert.equal(values(engine).length, 2));
      assert.deepEqual(values(engine)[1], { pattern: "coalesce", event: null, events: [2, 3, 4], assets: ["a"] });
      assert.equal(pending(engine), 0);
      assert.deepEqual(
        column(engine, "SELECT count(*) FROM event_decision WHERE run_id IS NOT NULL AND code = 1"),
        [4],
        "each event names its run (P3)",
      );
    });
  }
});

test("all: one run once every leg has an event, with all that is pending; array in, array out, record in, record out", async (t) => {
  const list = await startEngine(t, { files: { "d.ts": dagWith("[a, b]") } });
  const record = await startEngine(t, {
    files: { "d.ts": dagWith(`all({ left: each(a, { where: "payload > 1.0" }), right: any([b, c]) })`) },
  });
  for (const engine of [list, record]) await emit(engine, "a", 1, 2, 3);
  for (const engine of [list, record]) await settled(engine, 3);
  assert.deepEqual([runsOf(list), pending(list), runsOf(record), pending(record)], [0, 3, 0, 2]);
  await emit(list, "b", 9);
  await emit(record, "c", 9);
  for (const engine of [list, record]) await eventually(() => assert.equal(values(engine).length, 1));
  assert.deepEqual(values(list), [{ pattern: "all", event: [3, 9], events: [[1, 2, 3], [9]], assets: ["a", "b"] }]);
  assert.deepEqual(values(record), [
    { pattern: "all", event: { left: 3, right: 9 }, events: { left: [2, 3], right: [9] }, assets: ["a", "c"] },
  ]);
  assert.equal(pending(list), 0);
});

test("any of patterns: each starts runs by itself, and says which it was; an event may serve two", async (t) => {
  const engine = await startEngine(t, {
    files: { "d.ts": dagWith(`any([each(a), all([a, b]), every("30d")])`, { options: "maxActiveRuns: 5" }) },
  });
  await emit(engine, "a", 1);
  await eventually(() => assert.equal(values(engine).length, 1));
  assert.equal(pending(engine), 1, "the join still waits with it");
  await emit(engine, "b", 2);
  await eventually(() => assert.equal(values(engine).length, 2));
  assert.deepEqual(values(engine), [
    { pattern: "each", event: 1, events: [1], assets: ["a"] },
    { pattern: "all", event: [1, 2], events: [[1], [2]], assets: ["a", "b"] },
  ]);
  assert.equal(pending(engine), 0);
});

test("every: a run at each multiple of the interval, whose logical date it is, and after a stop for the last one that passed", async (t) => {
  const engine = await startEngine(t, {
    files: {
      "d.ts": dagWith(`every("1s")`, { body: "({ run }) => run.logicalDate.getTime()" }),
    },
  });
  await eventually(() => assert.ok(values(engine).length >= 2), { withinMs: 10_000 });
  const dates = values(engine) as number[];
  assert.ok(dates.every((date) => date % 1000 === 0));
  assert.equal(new Set(dates).size, dates.length, "no instant twice");
  assert.deepEqual(column(engine, `SELECT DISTINCT run_type ${OF_D}`), [1], "scheduled");
  const state = JSON.parse(String(column(engine, "SELECT state FROM pattern_state WHERE key = 'time:'")[0])) as { doneUntil: number };
  assert.ok(state.doneUntil >= dates.at(-1)!);
  await engine.stop();
  const hourly = { "d.ts": dagWith(`every("1h")`, { body: "({ run }) => run.logicalDate.getTime()" }) };
  const second = await startEngine(t, { files: hourly, home: engine.home });
  const setBack =
    "UPDATE pattern_state SET state = CAST(json_set(CAST(state AS TEXT), '$.doneUntil', ?) AS BLOB) WHERE CAST(state AS TEXT) LIKE '%3600000%'";
  await eventually(() => assert.equal(second.db.prepare(setBack).run(Date.now() - 10 * 3_600_000).changes, 1));
  await second.stop();
  const third = await startEngine(t, { files: hourly, home: engine.home });
  const lastHour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  await eventually(() => assert.ok((values(third) as number[]).includes(lastHour)));
  const earlier = [2, 3, 4, 5].map((hours) => lastHour - hours * 3_600_000);
  assert.ok(!(values(third) as number[]).some((date) => earlier.includes(date)), "the last hour, not all ten");
});

test("maxActiveRuns: events wait while that many runs are unfinished, in order, over a restart", async (t) => {
  const body = "async ({ event }) => { await gate(); return event.payload; }";
  const files = { "d.ts": dagWith("each(a)", { options: "maxActiveRuns: 2", body }) };
  const first = await startEngine(t, { files });
  await emit(first, "a", 1, 2, 3, 4, 5);
  await settled(first, 5);
  assert.deepEqual([runsOf(first), pending(first)], [2, 3]);
  await first.stop(0);
  const second = await startEngine(t, { files, home: first.home });
  openGate(second);
  await eventually(() => assert.equal(values(second).length, 5));
  assert.deepEqual(values(second), [1, 2, 3, 4, 5], "in order");
  assert.equal(pending(second), 0);
});

test("a paused DAG holds its events, over a restart and a change of its schedule, and decides them when unpaused", async (t) => {
  const files = { "d.ts": dagWith("each(a)", { body: "({ event }) => event.payload" }) };
  const first = await startEngine(t, { files });
  assert.deepEqual(await first.engine.pauseDag("d"), { dagId: "d", isPaused: true, pendingEvents: 0 });
  await emit(first, "a", 1, 2, 3);
  await settled(first, 3);
  assert.deepEqual([runsOf(first), pending(first)], [0, 3]);
  assert.equal((await first.engine.pauseDag("d")).pendingEvents, 3);
  await first.stop(0);
  const changed = { "d.ts": dagWith(`each(a, { where: "payload > 1.0" })`, { body: "({ event }) => event.payload" }) };
  const second = await startEngine(t, { files: changed, home: first.home });
  await emit(second, "a", 4);
  await settled(second, 4);
  assert.deepEqual([runsOf(second), pending(second)], [0, 4], "still paused");
  assert.deepEqual(await second.engine.unpauseDag("d"), { dagId: "d", isPaused: false, pendingEvents: 4 });
  await eventually(() => assert.deepEqual(new Set(values(second)), new Set([2, 3, 4])));
  assert.equal(pending(second), 0);
  assert.deepEqual(
    column(second, "SELECT code FROM event_decision ORDER BY event_id"),
    [3, 1, 1, 1],
    "the first is filtered by the new schedule",
  );
  await emit(second, "a", 5);
  await eventually(() => assert.equal(values(second).length, 4));
  assert.equal(pending(second), 0, "not by way of the inbox");
});

test("what a paused DAG holds can be dropped; a run by hand waits until it is unpaused", async (t) => {
  const engine = await startEngine(t, { files: { "d.ts": dagWith("each(a)", { body: "({ event }) => event.payload" }) } });
  await engine.engine.pauseDag("d");
  await emit(engine, "a", 1, 2);
  const byHand = await engine.create("d", { payload: 7 });
  await settled(engine, 2);
  assert.deepEqual(column(engine, `SELECT r.state ${OF_D}`), [0], "queued");
  assert.equal((await engine.engine.unpauseDag("d", { drop: true })).pendingEvents, 0);
  assert.equal((await engine.ended(byHand)).tasks[0]?.value, 7);
  assert.deepEqual([runsOf(engine), pending(engine)], [1, 0]);
  assert.deepEqual(column(engine, "SELECT code FROM event_decision"), [7, 7]);
});

test("a schedule that changes takes what is pending with it", async (t) => {
  const engine = await startEngine(t, { files: { "d.ts": dagWith("[a, b]") } });
  await emit(engine, "a", 1, 2);
  await settled(engine, 2);
  assert.equal(runsOf(engine), 0);
  writeFileSync(join(engine.dags, "d.ts"), dagWith("coalesce(a)"));
  await engine.engine.loader.load();
  await eventually(() => assert.equal(values(engine).length, 1));
  assert.deepEqual(values(engine), [{ pattern: "coalesce", event: null, events: [1, 2], assets: ["a"] }]);
});

test("a run by hand of each pattern gets what its type says", async (t) => {
  const of = async (schedule: string, payload?: unknown): Promise<unknown> => {
    const engine = await startEngine(t, { files: { "d.ts": dagWith(schedule) } });
    const { tasks } = await engine.run("d", { payload });
    await engine.stop(0);
    return tasks[0]?.value;
  };
  assert.deepEqual(await of("coalesce(a)", 1), { pattern: "coalesce", event: null, events: [1], assets: ["a"] });
  assert.deepEqual(await of("[a, b]", { a: 1, b: 2 }), { pattern: "all", event: [1, 2], events: [[1], [2]], assets: ["a", "b"] });
  assert.deepEqual(await of("all({ x: a, y: b })", { x: 1, y: 2 }), {
    pattern: "all",
    event: { x: 1, y: 2 },
    events: { x: [1], y: [2] },
    assets: ["a", "b"],
  });
  assert.deepEqual(await of(`cron("0 6 * * *")`), { pattern: "cron", event: null, events: [], assets: [] });
  await assert.rejects(of("[a, b]", { a: 1 }), /expected an object of payloads by a, b/);
});

test("a full inbox stops the stream that fills it, and no other; unpaused, every message has its run", async (t) => {
  const sqs = await sharedFauxqs();
  const [full, free] = [await sqs.createQueue({}), await sqs.createQueue({})];
  const watching = (name: string, queue: string): string =>
    `export const ${name} = defineDag("${name}", { schedule: defineAsset("${name}", { watchers: { w: sqsTrigger({ queueUrl: "${queue}", waitTimeSeconds: 1 }) } }) }, (dag) => { dag.task("t", () => 1); });`;
  const text = `import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs";\n${watching("d", full)}\n${watching("other", free)}\n`;
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()), MILLRACE_INBOX_LIMIT: "20" };
  const engine = await startEngine(t, { environment, files: { "d.ts": text } });
  await engine.engine.pauseDag("d");
  const bodies = Array.from({ length: 100 }, (_, n) => String(n));
  await sqs.send(full, bodies);
  await eventually(() => assert.equal(engine.engine.triggerer.health().filter(({ state }) => state === "paused").length, 1));
  await sqs.send(free, bodies);
  await settled(engine, 100);
  const held = Number(pending(engine));
  assert.ok(held >= 20 && held < 60, `${held} are held`);
  await engine.engine.unpauseDag("d");
  await eventually(() => assert.equal(values(engine).length, 100));
  assert.equal(pending(engine), 0);
});

test("a DAG whose file goes and comes back takes what waited for it", async (t) => {
  const engine = await startEngine(t, { files: { "d.ts": dagWith("[a, b]") } });
  await emit(engine, "a", 1);
  await settled(engine, 1);
  const file = join(engine.dags, "d.ts");
  const text = readFileSync(file, "utf8");
  rmSync(file);
  await engine.engine.loader.load();
  writeFileSync(file, text);
  await engine.engine.loader.load();
  await emit(engine, "b", 2);
  await eventually(() => assert.equal(values(engine).length, 1));
  assert.deepEqual(values(engine), [{ pattern: "all", event: [1, 2], events: [[1], [2]], assets: ["a", "b"] }]);
});
