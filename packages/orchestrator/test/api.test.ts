import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { formatDagRunId } from "../src/domain/ids.ts";
import { type ApiHarness, makeApi, occupyPort, startApi } from "./api-harness.ts";
import { SEED, SEEDED_AT } from "./seeded-database.ts";

const runId = (id: number, at: number): string => formatDagRunId("asset_triggered", SEEDED_AT + at, id);
const HOT = runId(SEED.hotRun, 1000);
const FAILED = runId(SEED.failedRun, 1000);
const RUNNING = runId(SEED.runningRun, 2000);
const EVALUATE = "/api/v2/dags/evaluate_reading";

async function refused(api: ApiHarness, path: string, status: number, code: string, detail: RegExp, hint?: string): Promise<void> {
  const { status: actual, body } = await api.get(path);
  assert.deepEqual([actual, body.code], [status, code]);
  assert.match(body.detail, detail);
  if (hint !== undefined) assert.equal(body.hint, hint);
}

test("health is 200 once runs can start and 503 before, without a token; so is the version", async (t) => {
  const api = await startApi(t);
  const { status, body } = await api.get("/api/v2/monitor/health", { authorization: "" });
  assert.deepEqual([status, body.scheduler.status, body.metadatabase.status], [200, "healthy", "healthy"]);
  api.setHealth({ isReady: false, loader: false, scheduler: false, triggerer: false, executor: false });
  const before = await api.get("/api/v2/monitor/health");
  assert.deepEqual([before.status, before.body.triggerer], [503, { status: "unhealthy", latest_triggerer_heartbeat: null }]);
  assert.deepEqual((await api.get("/api/v2/version", { authorization: "" })).body, { version: "9.9.9", git_version: null });
});

test("DAGs, one DAG, its details and its tasks", async (t) => {
  const api = await startApi(t);
  const { body } = await api.get("/api/v2/dags?limit=1&order_by=-dag_id&dag_id_pattern=READ");
  assert.deepEqual([body.total_entries, body.dags[0].dag_id, body.dags[0].tags[0].name], [1, "evaluate_reading", "iot"]);
  assert.equal((await api.get("/api/v2/dags?exclude_stale=false")).body.total_entries, 3);
  assert.equal((await api.get("/api/v2/dags?tags=iot&tags=x&tags_match_mode=all")).body.total_entries, 0);
  assert.equal((await api.get(EVALUATE)).body.relative_fileloc, "iot/evaluate.ts");
  const details = (await api.get(`${EVALUATE}/details`)).body;
  assert.deepEqual(details.schedule, {
    kind: "each",
    text: 'each(readings, { where: "payload.celsius > 80.0" })',
    assets: ["readings"],
  });
  assert.deepEqual(details.asset_expression, { asset: { name: "readings", uri: "kafka://readings", group: "asset" } });
  assert.deepEqual([details.active_runs_count, details.latest_dag_version.version_number], [2, 2]);
  assert.deepEqual((await api.get("/api/v2/dags/by_hand/details")).body.params.day.value, "today");
  const { tasks } = (await api.get(`${EVALUATE}/tasks`)).body;
  assert.deepEqual(
    tasks.map((task: any) => [task.task_id, task.downstream_task_ids, task.needs, task.outlets]),
    [
      ["score", ["alert"], [], []],
      ["alert", [], [{ name: "score", task_id: "score" }], ["alerts"]],
    ],
  );
  assert.deepEqual(tasks[0].retry_delay, { __type: "TimeDelta", days: 0, seconds: 10, microseconds: 0 });
});

test("runs are listed by DAG and for all, filtered, ordered, by offset and by cursor", async (t) => {
  const api = await startApi(t);
  const ids = async (path: string): Promise<string[]> => (await api.get(path)).body.dag_runs.map((run: any) => run.dag_run_id);
  assert.deepEqual(await ids("/api/v2/dags/~/dagRuns?order_by=-run_after&limit=2"), ["my-run", runId(SEED.queuedRun, 2000)]);
  assert.deepEqual(await ids(`${EVALUATE}/dagRuns?state=failed&state=success`), [HOT, FAILED]);
  assert.deepEqual(await ids("/api/v2/dags/~/dagRuns?run_type=manual"), ["my-run"]);
  const at = (ms: number): string => encodeURIComponent(new Date(SEEDED_AT + ms).toISOString().replace("Z", "+00:00"));
  assert.deepEqual(await ids(`/api/v2/dags/~/dagRuns?run_after_gt=${at(1000)}&run_after_lt=${at(3000)}`), [
    RUNNING,
    runId(SEED.queuedRun, 2000),
  ]);
  assert.deepEqual(await ids(`/api/v2/dags/~/dagRuns?run_after_gte=${at(1000)}&run_after_lte=${at(1000)}`), [HOT, FAILED]);
  assert.deepEqual(await ids(`/api/v2/dags/~/dagRuns?start_date_gte=${at(3000)}`), ["my-run"]);
  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const { body }: { body: any } = await api.get(`/api/v2/dags/~/dagRuns?limit=2&cursor=${cursor}`);
    seen.push(...body.dag_runs.map((run: any) => run.dag_run_id));
    cursor = body.next_cursor;
  }
  assert.deepEqual(seen, [HOT, FAILED, RUNNING, runId(SEED.queuedRun, 2000), "my-run"]);
  const one = (await api.get(`${EVALUATE}/dagRuns/${encodeURIComponent(FAILED)}`)).body;
  assert.deepEqual(
    [one.state, one.run_type, one.duration, one.triggered_by, one.error],
    ["failed", "asset_triggered", 0.498, "asset", "task 'score' failed: no model"],
  );
  assert.equal((await api.get(`${EVALUATE}/dagRuns/${FAILED}`)).body.dag_run_id, FAILED);
});

test("task instances of a run, of all runs, one of them, its tries and what it returned", async (t) => {
  const api = await startApi(t);
  const run = `${EVALUATE}/dagRuns/${RUNNING}`;
  const { body } = await api.get(`${run}/taskInstances`);
  assert.deepEqual(
    body.task_instances.map((task: any) => [task.task_id, task.state, task.try_number, task.map_index]),
    [
      ["score", "success", 1, -1],
      ["alert", "scheduled", 0, -1],
    ],
  );
  assert.equal((await api.get(`${run}/taskInstances?state=scheduled`)).body.total_entries, 1);
  assert.equal((await api.get("/api/v2/dags/~/dagRuns/~/taskInstances?state=upstream_failed")).body.task_instances[0].dag_run_id, FAILED);
  const first = (await api.get("/api/v2/dags/evaluate_reading/dagRuns/~/taskInstances?limit=2")).body;
  assert.deepEqual([first.task_instances.length, first.total_entries], [2, null]);
  const rest = (await api.get(`/api/v2/dags/evaluate_reading/dagRuns/~/taskInstances?cursor=${first.next_cursor}`)).body;
  assert.deepEqual([rest.task_instances.length, rest.next_cursor], [6, null]);
  const failed = (await api.get(`${EVALUATE}/dagRuns/${FAILED}/taskInstances/score`)).body;
  assert.deepEqual([failed.state, failed.try_number, failed.max_tries, failed.error.message], ["failed", 2, 1, "no model"]);
  const tries = (await api.get(`${EVALUATE}/dagRuns/${FAILED}/taskInstances/score/tries`)).body;
  assert.deepEqual(
    tries.task_instances.map((task: any) => [task.try_number, task.duration]),
    [
      [1, 0.098],
      [2, 0.298],
    ],
  );
  assert.equal((await api.get(`${EVALUATE}/dagRuns/${HOT}/taskInstances/score/xcomEntries/return_value`)).body.value, 0.95);
  assert.equal(
    (await api.get(`/api/v2/dags/by_hand/dagRuns/my-run/taskInstances/load/xcomEntries/return_value?stringify=true`)).body.value,
    '{"rows":3}',
  );
});

test("a log comes as pages of JSON, as NDJSON and as text", async (t) => {
  const api = await startApi(t);
  const log = `${EVALUATE}/dagRuns/${HOT}/taskInstances/score/logs/1`;
  const { body } = await api.get(log);
  assert.deepEqual([body.content.map((line: any) => line.event), body.continuation_token], [["loading the model", "scored", "done"], null]);
  assert.deepEqual(body.content[0], { timestamp: "2026-11-21T12:00:01.002Z", event: "loading the model", level: "info", n: 0 });
  assert.deepEqual(
    (await api.get(`${log}?token=1`)).body.content.map((line: any) => line.event),
    ["done"],
  );
  const lines = await api.get(log, { accept: "application/x-ndjson" });
  assert.match(lines.headers.get("content-type") ?? "", /x-ndjson/);
  assert.deepEqual(
    lines.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).event),
    ["loading the model", "scored", "done"],
  );
  const text = await api.get(log, { accept: "text/plain" });
  assert.equal(text.text.split("\n")[1], '2026-11-21T12:00:01.003Z INFO  scored {"n":1}');
  const running = await api.get(`${EVALUATE}/dagRuns/${RUNNING}/taskInstances/alert/logs/1`);
  assert.deepEqual(running.body, { content: [], continuation_token: "0" });
});

test("assets, their events, what started a run, and what an event did", async (t) => {
  const api = await startApi(t);
  const { assets } = (await api.get("/api/v2/assets?name_pattern=reading")).body;
  assert.deepEqual(
    [assets[0].uri, assets[0].group, assets[0].watchers[0].trigger_id, assets[0].last_asset_event.id],
    ["kafka://readings", "asset", SEED.trigger, SEED.queuedEvent],
  );
  assert.equal((await api.get(`/api/v2/assets/${SEED.alerts}`)).body.uri, "alerts");
  const list = (await api.get(`/api/v2/assets/events?asset_id=${SEED.readings}&order_by=-timestamp&limit=1&offset=3`)).body;
  const [cold] = list.asset_events;
  assert.deepEqual(
    [list.total_entries, cold.id, cold.payload, cold.key, cold.message.offset],
    [5, SEED.coldEvent, { sensor: "s1", celsius: 20 }, "s1", 101],
  );
  assert.deepEqual(cold.extra, { from_trigger: true, payload: { sensor: "s1", celsius: 20 } });
  const outlet = (await api.get(`/api/v2/assets/events?source_dag_id=evaluate_reading&source_run_id=${encodeURIComponent(HOT)}`)).body
    .asset_events;
  assert.deepEqual(
    outlet.map((event: any) => [event.id, event.source_task_id, event.source_run_id]),
    [[SEED.alertEvent, "alert", HOT]],
  );
  const upstream = (await api.get(`${EVALUATE}/dagRuns/${HOT}/upstreamAssetEvents`)).body;
  assert.deepEqual([upstream.asset_events[0].id, upstream.asset_events[0].created_dagruns[0].run_id], [SEED.hotEvent, HOT]);
  assert.equal((await api.get(`/api/v2/assets/events/${SEED.coldEvent}`)).body.id, SEED.coldEvent);
  const [decision] = (await api.get(`/api/v2/assets/events/${SEED.coldEvent}/decisions`)).body.decisions;
  assert.deepEqual(
    [decision.dag_id, decision.decision, decision.reason, decision.dag_run_id],
    ["evaluate_reading", "filtered", "payload.celsius > 80.0 is false", null],
  );
});

test("import errors, dead letters and watchers", async (t) => {
  const api = await startApi(t);
  const [error] = (await api.get("/api/v2/importErrors")).body.import_errors;
  assert.match(error.stack_trace, /^broken\.ts:3:7: expected '\)', got '}'\nhint: see line 3$/);
  assert.deepEqual((await api.get(`/api/v2/importErrors/${error.import_error_id}`)).body, error);
  const [letter] = (await api.get(`/api/v2/deadLetters?asset_id=${SEED.readings}`)).body.dead_letters;
  assert.deepEqual([letter.value, letter.value_encoding, letter.reason_code, letter.offset], ["not json", "utf-8", "BAD_PAYLOAD", 105]);
  const [watcher] = (await api.get("/api/v2/watchers")).body.watchers;
  assert.deepEqual(
    [watcher.asset_name, watcher.name, watcher.health.state, watcher.health.messages],
    ["readings", "kafka_watcher", "streaming", 5],
  );
});

test("a watcher shows the duplicates of its last day", async (t) => {
  const api = await startApi(t);
  const minute = Math.floor(Date.now() / 60_000);
  const insert = api.db.prepare(
    "INSERT INTO ingest_count (minute, trigger_id, reason, process_id, n, samples) VALUES (?, ?, 'duplicate', 1, ?, ?)",
  );
  insert.run(minute - 2 * 1440, SEED.trigger, 100, '["0:1"]');
  insert.run(minute - 60, SEED.trigger, 3, '["0:7"]');
  insert.run(minute, SEED.trigger, 2, '["0:8","0:9"]');
  const [watcher] = (await api.get("/api/v2/watchers")).body.watchers;
  assert.deepEqual(watcher.duplicates, { last_24_hours: 5, newest: "0:9" });
});

test("a run is created by hand, with an id of the caller's, params and a payload", async (t) => {
  const api = await startApi(t);
  const manual = await api.post("/api/v2/dags/by_hand/dagRuns", { logical_date: null });
  assert.deepEqual([manual.status, manual.body.state, manual.body.run_type, manual.body.conf], [200, "queued", "manual", { day: "today" }]);
  const own = { dag_run_id: "mine:1", logical_date: "2026-11-20T00:00:00+00:00", payload: { sensor: "s9", celsius: 99 } };
  const { body } = await api.post(`${EVALUATE}/dagRuns`, own);
  assert.deepEqual([body.dag_run_id, body.logical_date], ["mine:1", "2026-11-20T00:00:00.000Z"]);
  const event = (await api.get(`${EVALUATE}/dagRuns/mine:1/upstreamAssetEvents`)).body.asset_events[0];
  assert.deepEqual([event.payload, event.created_dagruns[0].run_id], [own.payload, "mine:1"]);
  const again = await api.post(`${EVALUATE}/dagRuns`, own);
  assert.deepEqual([again.status, again.body.code], [409, "DAG_RUN_EXISTS"]);
  const none = await api.post(`${EVALUATE}/dagRuns`, { logical_date: null });
  assert.deepEqual([none.status, none.body.code], [400, "EVENT_NEEDED"]);
  const field = async (given: unknown): Promise<string> => (await api.post("/api/v2/dags/by_hand/dagRuns", given)).body.detail;
  assert.match(await field({}), /expected the field 'logical_date', got none/);
  assert.match(await field({ logical_date: null, dag_run: "x" }), /field 'dag_run' is not known here/);
  assert.match(await field({ logical_date: null, dag_run_id: "a b" }), /field 'dag_run_id'/);
  assert.match(await field({ logical_date: null, dag_run_id: ".." }), /field 'dag_run_id'/);
  assert.match(await field({ logical_date: "monday" }), /field 'logical_date'/);
  assert.match(await field({ logical_date: null, conf: [1] }), /field 'conf'/);
});

test("what is not there and what is not understood is told, by name", async (t) => {
  const api = await startApi(t);
  await refused(api, "/api/v2/nope?token=s3cret", 404, "NOT_FOUND", /GET \/api\/v2\/nope$/);
  await refused(api, "/api/v2/dags/nope", 404, "DAG_NOT_FOUND", /'nope'/);
  await refused(api, "/api/v2/dags/nope/dagRuns", 404, "DAG_NOT_FOUND", /'nope'/);
  await refused(api, `${EVALUATE}/dagRuns/nope`, 404, "DAG_RUN_NOT_FOUND", /'evaluate_reading' has no run 'nope'/);
  await refused(api, "/api/v2/dags/nope/dagRuns/x", 404, "DAG_NOT_FOUND", /'nope'/);
  await refused(api, `${EVALUATE}/dagRuns/${HOT}/taskInstances/nope`, 404, "TASK_NOT_FOUND", /'nope'/);
  await refused(api, `${EVALUATE}/dagRuns/${HOT}/taskInstances/alert/xcomEntries/return_value`, 404, "NOT_FOUND", /no xcom/);
  await refused(api, "/api/v2/assets/99", 404, "ASSET_NOT_FOUND", /99/);
  await refused(api, "/api/v2/assets/events/1", 404, "ASSET_EVENT_NOT_FOUND", /1/);
  await refused(api, "/api/v2/importErrors/99", 404, "NOT_FOUND", /99/);
  await refused(api, "/api/v2/dags?limit=many", 400, "BAD_REQUEST", /query parameter 'limit' must be integer/);
  const states = /query parameter 'state' must be one of: queued, running, success, failed/;
  await refused(api, "/api/v2/dags/~/dagRuns?state=sucess", 400, "BAD_REQUEST", states);
  const instant = /query parameter 'run_after_gte' must be an instant like 2026-/;
  await refused(api, "/api/v2/dags/~/dagRuns?run_after_gte=today", 400, "BAD_REQUEST", instant);
  await refused(
    api,
    "/api/v2/dags/evaluate_readin",
    404,
    "DAG_NOT_FOUND",
    /^there is no DAG 'evaluate_readin'$/,
    "did you mean 'evaluate_reading'?",
  );
  await refused(api, "/api/v2/dags?order=x", 400, "BAD_REQUEST", /query parameter 'order' is not known here/);
  await refused(api, "/api/v2/dags/~/dagRuns?order_by=state", 400, "BAD_REQUEST", /'order_by': expected id or run_after/);
  await refused(api, "/api/v2/dags/~/dagRuns?state=ok", 400, "BAD_REQUEST", states);
  await refused(api, "/api/v2/dags/~/dagRuns?cursor=!", 400, "BAD_REQUEST", /'cursor'/);
  await refused(api, "/api/v2/dags/~/dagRuns/~/taskInstances?offset=1", 400, "BAD_REQUEST", /'offset'/);
  await refused(api, `${EVALUATE}/dagRuns/${HOT}/taskInstances/score/logs/1?token=x`, 400, "BAD_REQUEST", /'token'/);
});

test("a fault of our own is a 500 that shows nothing, and the log has the cause", async (t) => {
  const api = await startApi(t);
  api.db.exec("DROP TABLE dead_letter");
  const { status, body } = await api.get("/api/v2/deadLetters");
  assert.deepEqual([status, body.code], [500, "DB_UNREADABLE"]);
  assert.match(api.logged(), /no such table: dead_letter/);
});

test("a stop cuts off a request that does not end", async (t) => {
  const api = await startApi(t);
  const { hostname, port } = new URL(api.address);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write(
    "POST /auth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n",
  );
  // The server asks for the body, so the request is under way.
  await once(socket, "data");
  const closed = once(socket, "close");
  await api.stop(0);
  await closed;
  await assert.rejects(fetch(api.address));
});

test("a port in use and a host of another machine are refused by their option", async (t) => {
  const { api } = await makeApi(t);
  const port = await occupyPort(t);
  await assert.rejects(api.start("127.0.0.1", port), { code: "PORT_IN_USE", message: new RegExp(`port ${port} of 127.0.0.1`) });
  await assert.rejects(api.start("203.0.113.1", 0), { code: "CONFIG_INVALID", message: /--host/ });
  await api.stop();
  await api.stop();
});
