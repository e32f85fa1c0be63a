import assert from "node:assert/strict";
import { test } from "node:test";
import { startApi } from "./api-harness.ts";
import { SEED, SEEDED_AT } from "./seeded-database.ts";

const EVENTS = "/api/v2/assets/events";

test("an asset event is made by id, name or URI, with a payload, an extra and a partition key", async (t) => {
  const api = await startApi(t);
  const payload = { sensor: "s9", celsius: 99 };
  const byName = await api.post(EVENTS, { name: "readings", payload, extra: { by: "ann" }, partition_key: "2026-11-21" });
  assert.equal(byName.status, 200, byName.text);
  const { body } = byName;
  assert.deepEqual(
    [body.name, body.payload, body.extra, body.partition_key, body.message],
    ["readings", payload, { by: "ann" }, "2026-11-21", null],
  );
  assert.deepEqual([body.source_task_id, body.source_map_index], [null, -1]);
  assert.deepEqual(
    body.created_dagruns.map((run: any) => run.dag_id),
    ["evaluate_reading"],
  );
  const decisions = (await api.get(`${EVENTS}/${body.id}/decisions`)).body.decisions;
  assert.equal(decisions[0].decision, "run");
  const byUri = await api.post(EVENTS, { uri: "kafka://readings", payload: { sensor: "s9", celsius: 1 } });
  assert.deepEqual([byUri.body.asset_id, byUri.body.created_dagruns], [SEED.readings, []]);
  // Airflow's clients give no payload.
  const byId = await api.post(EVENTS, { asset_id: SEED.alerts, extra: { a: 1 } });
  assert.deepEqual([byId.body.name, byId.body.payload, byId.body.extra], ["alerts", null, { a: 1 }]);
  const audit = api.db.prepare("SELECT action, subject FROM audit_log").raw().all();
  assert.deepEqual(audit[0], ["asset_event.create", String(SEED.readings)]);
});

test("an event of an unknown asset, of two assets, or with a payload that does not fit, is refused by name", async (t) => {
  const api = await startApi(t);
  const refused = async (body: object, code: string, detail: RegExp) => {
    const answer = await api.post(EVENTS, body);
    assert.equal(answer.body.code, code, answer.text);
    assert.match(`${answer.body.detail} ${answer.body.hint}`, detail);
  };
  await refused({ name: "reading" }, "ASSET_NOT_FOUND", /no asset 'reading' is loaded did you mean 'readings'/);
  await refused({ asset_id: 99 }, "ASSET_NOT_FOUND", /id 99/);
  await refused({ uri: "x://y" }, "ASSET_NOT_FOUND", /'x:\/\/y'/);
  await refused({}, "BAD_REQUEST", /'asset_id', 'name' and 'uri', got none/);
  await refused({ asset_id: 1, name: "readings" }, "BAD_REQUEST", /got 2/);
  await refused({ name: "readings", payload: "text" }, "BAD_PAYLOAD", /payload of asset 'readings'/);
  await refused({ name: "readings", payloads: {} }, "BAD_REQUEST", /'payloads' is not known/);
  const viewer = { authorization: `Bearer ${await api.tokenOf("viewer")}` };
  assert.equal((await api.post(EVENTS, { name: "alerts" }, viewer)).status, 403);
});

test("a DAG is paused and unpaused in Airflow's way, one or many; what waits is counted, and dropped on request", async (t) => {
  const api = await startApi(t);
  const path = "/api/v2/dags/evaluate_reading";
  const paused = await api.patch(`${path}?update_mask=is_paused`, { is_paused: true });
  assert.deepEqual([paused.status, paused.body.is_paused, paused.body.pending_events], [200, true, 3]);
  const ids = async (query: string) => (await api.get(`/api/v2/dags?${query}`)).body.dags.map((dag: any) => dag.dag_id);
  assert.deepEqual(await ids("paused=true"), ["evaluate_reading"]);
  assert.deepEqual(await ids("paused=false"), ["by_hand"]);
  await api.patch(path, { is_paused: false, drop_pending_events: true });
  assert.deepEqual(api.asked, [
    { dagId: "evaluate_reading", isPaused: true },
    { dagId: "evaluate_reading", isPaused: false, drop: true },
  ]);
  const many = await api.patch("/api/v2/dags?dag_id_pattern=~", { is_paused: true });
  assert.deepEqual(
    many.body.dags.map((dag: any) => [dag.dag_id, dag.is_paused]),
    [
      ["by_hand", true],
      ["evaluate_reading", true],
    ],
  );
  assert.deepEqual((await api.patch("/api/v2/dags?dag_id_pattern=hand", { is_paused: false })).body.total_entries, 1);
  assert.match((await api.patch("/api/v2/dags/evaluate_readin", { is_paused: true })).body.hint, /did you mean 'evaluate_reading'/);
  assert.match((await api.patch(`${path}?update_mask=tags`, { is_paused: true })).body.detail, /'update_mask'.*got 'tags'/);
  assert.equal((await api.patch(path, {})).status, 400);
  const viewer = { authorization: `Bearer ${await api.tokenOf("viewer")}` };
  assert.equal((await api.patch(path, { is_paused: true }, viewer)).status, 403);
  const audit = api.db.prepare("SELECT action, subject FROM audit_log ORDER BY id LIMIT 2").raw().all();
  assert.deepEqual(audit, [
    ["dag.pause", "evaluate_reading"],
    ["dag.unpause", "evaluate_reading"],
  ]);
});

test("queued events are those that wait in the inbox, by DAG and asset", async (t) => {
  const api = await startApi(t);
  const wait = api.db.prepare("INSERT INTO pattern_event (id, shard, dag, event_id, created_at) VALUES (?, 1, ?, ?, ?)");
  wait.run(1, SEED.evaluate, SEED.hotEvent, SEEDED_AT + 1000);
  wait.run(2, SEED.evaluate, SEED.queuedEvent, SEEDED_AT + 2000);
  wait.run(3, SEED.byHand, SEED.alertEvent, SEEDED_AT + 2000);
  const of = async (path: string) => (await api.get(`/api/v2/${path}`)).body;
  const waiting = {
    dag_id: "evaluate_reading",
    asset_id: SEED.readings,
    created_at: "2026-11-21T12:00:01.000Z",
    dag_display_name: "evaluate_reading",
    count: 2,
  };
  assert.deepEqual(await of("dags/evaluate_reading/assets/queuedEvents"), { queued_events: [waiting], total_entries: 1 });
  assert.deepEqual(await of(`dags/evaluate_reading/assets/${SEED.readings}/queuedEvents`), waiting);
  assert.deepEqual((await of(`assets/${SEED.alerts}/queuedEvents`)).queued_events[0].dag_id, "by_hand");
  const before = "2026-11-21T12:00:01.500Z";
  assert.equal((await of(`assets/${SEED.readings}/queuedEvents?before=${before}`)).queued_events[0].count, 1);
  assert.equal((await of("dags/by_hand/assets/1/queuedEvents")).code, "NOT_FOUND");
  assert.equal((await api.delete("/api/v2/dags/by_hand/assets/queuedEvents")).status, 204);
  assert.equal((await api.delete("/api/v2/dags/nope/assets/queuedEvents")).status, 404);
  assert.deepEqual(api.asked, [{ dagId: "by_hand", drop: true }]);
  assert.equal((await of("assets/99/queuedEvents")).code, "ASSET_NOT_FOUND");
  assert.equal((await of("dags/nope/assets/queuedEvents")).code, "DAG_NOT_FOUND");
});
