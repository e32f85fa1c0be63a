import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { formatDagRunId } from "../src/domain/ids.ts";
import { startApi } from "./api-harness.ts";
import { SEED, SEEDED_AT } from "./seeded-database.ts";

const EVALUATE = "/api/v2/dags/evaluate_reading";
const idOf = (run: number): string => formatDagRunId("asset_triggered", SEEDED_AT + 1000, run);
const HOT = idOf(SEED.hotRun);
const FAILED = idOf(SEED.failedRun);
const RUNNING = formatDagRunId("asset_triggered", SEEDED_AT + 2000, SEED.runningRun);

test("the versions of a DAG, one of them, and one task", async (t) => {
  const api = await startApi(t);
  const { body } = await api.get(`${EVALUATE}/dagVersions?order_by=-version_number`);
  assert.deepEqual([body.total_entries, body.dag_versions.map((version: any) => version.version_number)], [2, [2, 1]]);
  assert.equal((await api.get(`${EVALUATE}/dagVersions?version_number=1`)).body.total_entries, 1);
  const one = (await api.get(`${EVALUATE}/dagVersions/1`)).body;
  assert.deepEqual(one, body.dag_versions[1]);
  const none = (await api.get(`${EVALUATE}/dagVersions/3`)).body;
  assert.deepEqual([none.code, none.hint], ["NOT_FOUND", "it has 1, 2"]);
  assert.deepEqual((await api.get(`${EVALUATE}/tasks/alert`)).body.outlets, ["alerts"]);
  assert.equal((await api.get(`${EVALUATE}/tasks/nope`)).body.hint, "its tasks are score, alert");
});

test("the source of a DAG is its file as it is now, as JSON or as text", async (t) => {
  const api = await startApi(t);
  const file = join(dirname(api.file), "evaluate.ts");
  writeFileSync(file, "// hot\n");
  api.db.prepare("UPDATE dag_version SET source_path = ? WHERE dag = ?").run(file, SEED.evaluate);
  const { body } = await api.get("/api/v2/dagSources/evaluate_reading");
  assert.deepEqual(body, { content: "// hot\n", dag_id: "evaluate_reading", version_number: 2, dag_display_name: "evaluate_reading" });
  const text = await api.get("/api/v2/dagSources/evaluate_reading", { accept: "text/plain" });
  assert.deepEqual([text.headers.get("content-type"), text.text], ["text/plain; charset=utf-8", "// hot\n"]);
  assert.equal((await api.get("/api/v2/dagSources/evaluate_reading?version_number=1")).body.content, null);
  assert.equal((await api.get("/api/v2/dagSources/evaluate_reading?version_number=9")).body.code, "NOT_FOUND");
  assert.equal((await api.get("/api/v2/dagSources/by_hand")).body.content, null);
});

test("tags, and how many runs are in each state", async (t) => {
  const api = await startApi(t);
  assert.deepEqual((await api.get("/api/v2/dagTags")).body, { tags: ["iot"], total_entries: 1 });
  assert.equal((await api.get("/api/v2/dagTags?tag_name_pattern=x")).body.total_entries, 0);
  const { body } = await api.get("/api/v2/dagStats?dag_ids=evaluate_reading");
  const counts = Object.fromEntries(body.dags[0].stats.map(({ state, count }: any) => [state, count]));
  assert.deepEqual([body.total_entries, counts], [1, { queued: 1, running: 1, success: 1, failed: 1 }]);
  assert.equal((await api.get("/api/v2/dagStats")).body.total_entries, 2);
  assert.equal((await api.get("/api/v2/dagStats?dag_ids=nope")).body.code, "DAG_NOT_FOUND");
});

test("one try of a task instance, and a mapped one by its path", async (t) => {
  const api = await startApi(t);
  const path = `${EVALUATE}/dagRuns/${FAILED}/taskInstances/score`;
  const first = (await api.get(`${path}/tries/1`)).body;
  assert.deepEqual([first.try_number, first.state, first.error.message], [1, "failed", "no model"]);
  assert.deepEqual((await api.get(`${path}/-1/tries/1`)).body, first);
  assert.equal((await api.get(`${path}/-1/tries`)).body.total_entries, 2);
  assert.equal((await api.get(`${path}/-1`)).body.try_number, 2);
  const none = (await api.get(`${path}/tries/3`)).body;
  assert.deepEqual([none.code, none.hint], ["NOT_FOUND", "it has 1, 2"]);
  assert.match((await api.get(`${path}/5`)).body.detail, /no task 'score' with map index 5/);
});

test("runs and task instances are listed by a body, as Airflow's clients do", async (t) => {
  const api = await startApi(t);
  const runs = async (body: object) => (await api.post("/api/v2/dags/~/dagRuns/list", body)).body;
  assert.equal((await runs({})).total_entries, 5);
  assert.equal((await runs({ dag_ids: ["evaluate_reading", "by_hand"], page_limit: 2 })).total_entries, 5);
  assert.deepEqual(
    (await runs({ dag_ids: ["evaluate_reading"], states: ["failed"], order_by: "-id" })).dag_runs.map((run: any) => run.dag_run_id),
    [FAILED],
  );
  assert.equal((await runs({ dag_ids: ["nope"] })).total_entries, 0);
  assert.equal((await runs({ run_after_gte: new Date(SEEDED_AT + 3000).toISOString(), end_date_lt: null })).total_entries, 1);
  const instances = async (body: object) => (await api.post("/api/v2/dags/~/dagRuns/~/taskInstances/list", body)).body;
  const both = { dag_ids: ["evaluate_reading"], dag_run_ids: [HOT, FAILED] };
  assert.equal((await instances(both)).total_entries, 4);
  const failed = await instances({ ...both, task_ids: ["score"], state: ["failed"] });
  assert.deepEqual(
    failed.task_instances.map((one: any) => [one.dag_run_id, one.task_id]),
    [[FAILED, "score"]],
  );
  assert.equal((await instances({ ...both, page_offset: 3 })).task_instances.length, 1);
  assert.match((await instances({})).detail, /'dag_ids' and 'dag_run_ids'/);
});

test("waiting for a run gives a line per interval, and at its end what tasks returned", async (t) => {
  const api = await startApi(t);
  const ended = await api.get(`${EVALUATE}/dagRuns/${HOT}/wait?interval=1&result=score&result=alert`);
  assert.equal(ended.headers.get("content-type"), "application/x-ndjson");
  assert.deepEqual(JSON.parse(ended.text), { state: "success", results: { score: 0.95, alert: null } });
  const token = await api.tokenOf("viewer");
  const response = await fetch(`${api.address}${EVALUATE}/dagRuns/${RUNNING}/wait?interval=0.05`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const lines: string[] = [];
  for await (const chunk of response.body!) {
    lines.push(...Buffer.from(chunk).toString().trim().split("\n"));
    // Ended once its wait was seen to begin.
    if (lines.length === 1) api.db.prepare("UPDATE dag_run SET state = 11, ended_at = ? WHERE id = ?").run(SEEDED_AT, SEED.runningRun);
  }
  assert.deepEqual([lines[0], lines.at(-1)], ['{"state":"running"}', '{"state":"failed"}']);
  assert.equal((await api.get(`${EVALUATE}/dagRuns/nope/wait?interval=1`)).body.code, "DAG_RUN_NOT_FOUND");
  assert.equal((await api.get(`${EVALUATE}/dagRuns/${HOT}/wait`)).status, 400);
});

test("what people changed is in the event log", async (t) => {
  const api = await startApi(t);
  await api.post("/api/v2/variables", { key: "secret_key", value: "hunter2" });
  await api.patch(EVALUATE, { is_paused: true });
  const { body, text } = await api.get("/api/v2/eventLogs?order_by=-when");
  assert.deepEqual(
    body.event_logs.map((one: any) => [one.event, one.owner, one.subject, one.dag_id]),
    [
      ["dag.pause", "admin", "evaluate_reading", "evaluate_reading"],
      ["variable.save", "admin", "secret_key", null],
    ],
  );
  assert.doesNotMatch(text, /hunter/);
  assert.equal((await api.get("/api/v2/eventLogs?event=dag.pause")).body.total_entries, 1);
  assert.equal((await api.get("/api/v2/eventLogs?dag_id=evaluate_reading&owner=ann")).body.total_entries, 0);
  const one = body.event_logs[1];
  assert.deepEqual((await api.get(`/api/v2/eventLogs/${one.event_log_id}`)).body, one);
  assert.equal((await api.get("/api/v2/eventLogs/99")).body.code, "NOT_FOUND");
  const viewer = { authorization: `Bearer ${await api.tokenOf("viewer")}` };
  assert.equal((await api.get("/api/v2/eventLogs", viewer)).status, 403);
});
