import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDagRunId } from "../src/domain/ids.ts";
import { run, startServer } from "./cli-harness.ts";
import { SEED, SEEDED_AT } from "./seeded-database.ts";

const HOT = formatDagRunId("asset_triggered", SEEDED_AT + 1000, SEED.hotRun);

test("assets list and show, by name, URI or id, with what waits", async (t) => {
  const { millrace, db } = await startServer(t);
  db.prepare("INSERT INTO pattern_event (id, shard, dag, event_id, created_at) VALUES (1, 1, ?, ?, ?)").run(
    SEED.evaluate,
    SEED.hotEvent,
    SEEDED_AT,
  );
  const list = (await millrace("assets", "list")).out;
  assert.match(list, /^readings +kafka:\/\/readings +kafka_watcher +evaluate_reading +2026-11-21 12:00:02\.000Z$/m);
  assert.match(list, /^alerts +evaluate_reading\.alert +2026-11-21 12:00:02\.000Z$/m);
  const show = (await millrace("assets", "show", "readings")).out;
  assert.match(show, /^Description +What sensors say$/m);
  assert.match(show, /^Waiting +1 event for evaluate_reading, since 2026-11-21 12:00:01\.000Z$/m);
  for (const name of ["kafka://readings", String(SEED.readings)])
    assert.equal(JSON.parse((await millrace("assets", "show", name, "-o", "json")).out).asset.name, "readings");
  assert.match((await millrace("assets", "show", "reading")).err, /no asset 'reading' is loaded\nhint: did you mean 'readings'\?/);
});

test("assets event makes an event and says what it did", async (t) => {
  const { home, millrace } = await startServer(t);
  const hot = await millrace("assets", "event", "readings", "--payload", '{"sensor": "s1", "celsius": 99}', "--extra", '{"by": "ann"}');
  assert.match(
    hot.out,
    /^event \d+ of asset 'readings'\nevaluate_reading: started run asset_triggered__\S+, now queued, since payload\.celsius > 80\.0 is true\n$/,
  );
  const cold = await run(
    home,
    ["assets", "event", "kafka://readings", "--payload", "-", "-o", "json"],
    {},
    '{"sensor": "s1", "celsius": 1}',
  );
  assert.deepEqual(
    JSON.parse(cold.out).decisions.map((one: any) => one.decision),
    ["filtered"],
  );
  assert.match((await millrace("assets", "event", String(SEED.alerts))).out, /no DAG is scheduled on asset 'alerts': it started nothing/);
  assert.match((await millrace("assets", "event", "readings", "--payload", '"text"')).err, /code: BAD_PAYLOAD/);
  assert.equal((await millrace("assets", "event", "readings", "--extra", "[1]")).code, 2);
});

test("dags pause and unpause say what waits; dags list shows it", async (t) => {
  const { millrace, asked } = await startServer(t);
  assert.equal((await millrace("dags", "list", "--paused")).out, "no DAG is paused\n");
  const paused = await millrace("dags", "pause", "evaluate_reading", "by_hand");
  assert.equal(paused.out.split("\n")[0], "evaluate_reading is paused: 3 events held, and those that arrive from now on");
  assert.match((await millrace("dags", "list", "--paused")).out, /^by_hand +paused.*\nevaluate_reading +paused/m);
  const active = await millrace("dags", "unpause", "evaluate_reading");
  assert.equal(active.out, "evaluate_reading is active: 3 events that waited are decided now\n");
  await millrace("dags", "unpause", "by_hand", "--drop", "-o", "json");
  assert.deepEqual(asked.slice(-2), [
    { dagId: "evaluate_reading", isPaused: false, drop: false },
    { dagId: "by_hand", isPaused: false, drop: true },
  ]);
  assert.match((await millrace("dags", "pause", "evaluate_readin")).err, /did you mean 'evaluate_reading'/);
});

test("watchers list shows trigger, state, lag and the last message; of one asset, or of all", async (t) => {
  const { millrace } = await startServer(t);
  const { out } = await millrace("watchers", "list");
  assert.match(out, /^readings\.kafka_watcher +kafka \{"topics":\["readings"\]\} +kafka_default +streaming +42 +5$/m);
  assert.equal((await millrace("watchers", "list", "--asset", "alerts")).out, "no watchers\n");
  assert.equal(JSON.parse((await millrace("watchers", "list", "--asset", "readings", "-o", "json")).out)[0].health.lag, 42);
});

test("dead letters are listed and shown, and cannot write to the terminal", async (t) => {
  const { millrace, db } = await startServer(t);
  const list = (await millrace("dead-letters", "list", "--asset", "readings")).out;
  assert.match(
    list,
    new RegExp(
      `^${SEED.deadLetter} +readings +2026-11-21 12:00:04\\.000Z +cluster/readings partition 0 offset 105 +BAD_PAYLOAD: expected JSON`,
      "m",
    ),
  );
  db.prepare("UPDATE dead_letter SET reason = ?").run("x".repeat(500));
  assert.match((await millrace("dead-letters", "list")).out, /BAD_PAYLOAD: x{199}…$/m);
  const escape = String.fromCodePoint(27);
  db.prepare("UPDATE dead_letter SET value = ?, message_key = ?, headers = ?").run(
    Buffer.from(`${escape}[2Jhello\nworld`),
    Buffer.from([0xff, 0xfe]),
    Buffer.from(JSON.stringify([["unit", `c${escape}`]])),
  );
  const show = (await millrace("dead-letters", "show", "latest")).out;
  assert.ok(!show.includes(escape));
  assert.match(show, /^Header +unit: c\\u\{1b\}$/m);
  assert.match(show, /^Message +\\u\{1b\}\[2Jhello\nworld$/m);
  db.prepare("UPDATE dead_letter SET value = ?").run(Buffer.from([0xff]));
  assert.match((await millrace("dead-letters", "show", String(SEED.deadLetter))).out, /^Message \(base64\) +\/w==$/m);
  assert.match((await millrace("dead-letters", "show", "7")).err, /there is no dead letter with id 7/);
  assert.equal((await millrace("dead-letters", "show", "x")).code, 2);
});

test("xcoms list shows what tasks gave back, by key", async (t) => {
  const server = await startServer(t);
  const { millrace, db } = server;
  db.prepare("INSERT INTO xcom VALUES (?, 1, -1, 'rows', ?)").run(SEED.hotRun, Buffer.from("7"));
  assert.equal(
    (await millrace("xcoms", "list", "evaluate_reading", HOT)).out,
    "TASK   KEY           VALUE\nscore  return_value  0.95\nalert  rows          7\n",
  );
  assert.match((await millrace("xcoms", "list", "by_hand", "latest", "load")).out, /^load +return_value +\{"rows":3\}$/m);
  const json = JSON.parse((await millrace("xcoms", "list", "evaluate_reading", HOT, "alert", "-o", "json")).out);
  assert.deepEqual([json.length, json[0].key, json[0].value], [1, "rows", 7]);
  const path = `/api/v2/dags/evaluate_reading/dagRuns/${HOT}/taskInstances`;
  const { body } = await server.get(`${path}/~/xcomEntries?xcom_key=rows`);
  assert.deepEqual([body.total_entries, body.xcom_entries[0].task_id, "value" in body.xcom_entries[0]], [1, "alert", false]);
  assert.equal((await server.get(`${path}/alert/xcomEntries/rows`)).body.value, 7);
  assert.equal((await server.get(`${path}/nope/xcomEntries`)).body.code, "TASK_NOT_FOUND");
});
