import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDagRunId } from "../../src/domain/ids.ts";
import type { PageRequest } from "../../src/domain/reads.ts";
import { SEED, SEEDED_AT } from "../seeded-database.ts";
import type { OpenTestDatabase } from "./test-database.ts";

const page: PageRequest = { limit: 50, offset: 0, order: "ascending" };
const newest: PageRequest = { ...page, order: "descending" };
const anyDag = { excludeStale: true, tagsMatch: "any" } as const;

/** What the API and the commands look up. */
export function testReads(open: OpenTestDatabase): void {
  test("DAGs come with their current version, stale ones only when asked for", async (t) => {
    const { dags } = (await open(t)).reads;
    const { rows, total } = await dags.list(anyDag, page);
    assert.deepEqual([rows.map((dag) => dag.dagId), total], [["by_hand", "evaluate_reading"], 2]);
    assert.equal((await dags.list({ ...anyDag, excludeStale: false }, page)).total, 3);
    assert.equal((await dags.list({ ...anyDag, tags: ["iot", "x"] }, page)).total, 1);
    assert.equal((await dags.list({ ...anyDag, tags: ["iot", "x"], tagsMatch: "all" }, page)).total, 0);
    const dag = await dags.find("evaluate_reading");
    assert.equal(dag?.version.number, 2);
    assert.equal(dag?.version.snapshot.tasks.length, 2);
    assert.equal(await dags.find("nope"), null);
  });

  test("runs are found by our id and by the user's, and only under their own DAG", async (t) => {
    const { dagRuns } = (await open(t)).reads;
    const id = formatDagRunId("asset_triggered", SEEDED_AT + 1000, SEED.hotRun);
    assert.equal((await dagRuns.find("evaluate_reading", id))?.id, SEED.hotRun);
    assert.equal(await dagRuns.find("by_hand", id), null);
    assert.equal(await dagRuns.find("evaluate_reading", id.replace("asset_triggered", "manual")), null);
    const manual = await dagRuns.find("by_hand", "my-run");
    assert.deepEqual([manual?.id, manual?.params, manual?.runType], [SEED.manualRun, { day: "monday" }, "manual"]);
  });

  test("runs are listed by DAG, state, type and time, oldest or newest first, page by page", async (t) => {
    const { dagRuns } = (await open(t)).reads;
    const ids = async (filter: Parameters<typeof dagRuns.list>[0], request = page) =>
      (await dagRuns.list(filter, request)).rows.map((run) => run.id);
    const evaluate = [SEED.hotRun, SEED.failedRun, SEED.runningRun, SEED.queuedRun];
    assert.deepEqual(await ids({ dagId: "evaluate_reading" }), evaluate);
    assert.deepEqual(await ids({}, newest), [SEED.manualRun, ...evaluate.toReversed()]);
    assert.deepEqual(await ids({ states: ["running", "queued"] }), [SEED.runningRun, SEED.queuedRun]);
    assert.deepEqual(await ids({ dagId: "evaluate_reading", states: ["failed"] }), [SEED.failedRun]);
    assert.deepEqual(await ids({ runTypes: ["manual"] }), [SEED.manualRun]);
    assert.deepEqual(await ids({ created: { from: SEEDED_AT + 1001, before: SEEDED_AT + 3000 } }), [SEED.runningRun, SEED.queuedRun]);
    assert.deepEqual(await ids({ started: { from: SEEDED_AT + 3000 } }), [SEED.manualRun]);
    assert.deepEqual(await ids({ afterId: SEED.failedRun }, { ...newest, limit: 5 }), [SEED.hotRun]);
    assert.deepEqual(await ids({}, { ...page, limit: 2, offset: 3 }), [SEED.queuedRun, SEED.manualRun]);
    assert.deepEqual(await dagRuns.list({ dagId: "nope" }, page), { rows: [], total: 0 });
    assert.equal((await dagRuns.list({}, { ...page, limit: 1 })).total, 5);
  });

  test("a task without a row is scheduled when what it needs succeeded, else without a state", async (t) => {
    const { dagRuns, taskInstances } = (await open(t)).reads;
    const runs = await dagRuns.findMany([SEED.hotRun, SEED.failedRun, SEED.runningRun, SEED.queuedRun]);
    const states = async (id: number) => (await taskInstances.listOfRun(runs.get(id)!)).map(({ task, state }) => [task.id, state]);
    assert.deepEqual(await states(SEED.hotRun), [
      ["score", "success"],
      ["alert", "success"],
    ]);
    assert.deepEqual(await states(SEED.failedRun), [
      ["score", "failed"],
      ["alert", "upstream_failed"],
    ]);
    assert.deepEqual(await states(SEED.runningRun), [
      ["score", "success"],
      ["alert", "scheduled"],
    ]);
    assert.deepEqual(await states(SEED.queuedRun), [
      ["score", "scheduled"],
      ["alert", null],
    ]);
  });

  test("earlier tries, the returned value and the log of each try can be read", async (t) => {
    const { dagRuns, taskInstances, taskLogs, xcoms } = (await open(t)).reads;
    const runs = await dagRuns.findMany([SEED.hotRun, SEED.failedRun]);
    const [hot] = await taskInstances.listOfRun(runs.get(SEED.hotRun)!);
    const [failed, skipped] = await taskInstances.listOfRun(runs.get(SEED.failedRun)!);
    assert.deepEqual(await xcoms.value(hot!, "return_value"), { value: 0.95 });
    assert.equal(await xcoms.value(skipped!, "return_value"), null);
    assert.equal(failed?.error?.message, "no model");
    const tries = await taskInstances.earlierTries(failed);
    assert.deepEqual(
      tries.map(({ tryNumber, state, error }) => [tryNumber, state, error?.message]),
      [[1, "failed", "no model"]],
    );
    const request = { runId: SEED.hotRun, taskIndex: 0, mapIndex: -1, tryNumber: 1, afterSeq: -1, limit: 1 };
    const [first] = await taskLogs.chunks(request);
    const rest = await taskLogs.chunks({ ...request, afterSeq: first!.seq, limit: 10 });
    assert.deepEqual(
      rest.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).msg),
      ["done"],
    );
  });

  test("task instances of many runs are walked run by run", async (t) => {
    const { taskInstances } = (await open(t)).reads;
    const all = await taskInstances.walk({ runs: {} }, page);
    assert.equal(all.rows.length, 9);
    assert.equal(all.nextRunId, null);
    const first = await taskInstances.walk({ runs: {} }, { ...page, limit: 3 });
    assert.deepEqual([first.rows.length, first.nextRunId], [4, SEED.failedRun]);
    const next = await taskInstances.walk({ runs: { afterId: first.nextRunId! } }, page);
    assert.equal(next.rows.length, 5);
    const scheduled = await taskInstances.walk({ runs: {}, states: ["scheduled"] }, page);
    assert.deepEqual(
      scheduled.rows.map(({ run, task }) => [run.id, task.id]),
      [
        [SEED.runningRun, "alert"],
        [SEED.queuedRun, "score"],
      ],
    );
  });

  test("assets know their watchers, the DAGs they schedule, the tasks that update and read them, and their last event", async (t) => {
    const { assets } = (await open(t)).reads;
    const { rows, total } = await assets.list({ excludeStale: true }, page);
    assert.equal(total, 2);
    const [readings, alerts] = rows;
    assert.deepEqual(
      readings?.watchers.map(({ name, kind, params }) => [name, kind, params]),
      [["kafka_watcher", "kafka", { topics: ["readings"] }]],
    );
    assert.deepEqual(
      readings?.scheduledDags.map(({ dagId }) => dagId),
      ["evaluate_reading"],
    );
    assert.equal(readings?.lastEvent?.id, SEED.queuedEvent);
    assert.deepEqual(
      alerts?.producingTasks.map(({ dagId, taskId }) => [dagId, taskId]),
      [["evaluate_reading", "alert"]],
    );
    assert.deepEqual(
      alerts?.consumingTasks.map(({ dagId, taskId }) => [dagId, taskId]),
      [["by_hand", "load"]],
    );
    assert.equal((await assets.list({ excludeStale: true, namePart: "ALERT" }, page)).total, 1);
    assert.equal((await assets.list({ excludeStale: true, namePart: "_" }, page)).total, 0);
    assert.equal((await assets.list({ excludeStale: true, dagIds: ["by_hand"] }, page)).rows[0]?.name, "alerts");
    assert.equal(await assets.find(99), null);
  });

  test("an event has its payload, its cause and the runs it started", async (t) => {
    const { assetEvents } = (await open(t)).reads;
    const hot = await assetEvents.find(SEED.hotEvent);
    assert.deepEqual(hot?.payload, { sensor: "s1", celsius: 90 });
    assert.deepEqual(hot?.headers, [["unit", "celsius"]]);
    assert.deepEqual(
      [hot?.message?.source, hot?.message?.partition, hot?.message?.offset, hot?.task],
      ["cluster/readings", "0", 100, null],
    );
    assert.deepEqual(
      hot?.createdRuns.map((run) => run.id),
      [SEED.hotRun],
    );
    const alert = await assetEvents.find(SEED.alertEvent);
    assert.deepEqual([alert?.task?.taskId, alert?.task?.dagId, alert?.message], ["alert", "evaluate_reading", null]);
    assert.equal(await assetEvents.find(1), null);
  });

  test("events are listed by asset, source and time", async (t) => {
    const { assetEvents, dagRuns } = (await open(t)).reads;
    const ids = async (filter: Parameters<typeof assetEvents.list>[0], request = page) =>
      (await assetEvents.list(filter, request)).rows.map((event) => event.id);
    assert.deepEqual(await ids({ assetId: SEED.readings }, { ...newest, limit: 2 }), [SEED.queuedEvent, SEED.runningEvent]);
    assert.deepEqual(await ids({ namePart: "alert" }), [SEED.alertEvent]);
    const run = (await dagRuns.findMany([SEED.hotRun])).get(SEED.hotRun)!;
    const outlet = { sourceDagId: "evaluate_reading", sourceTaskId: "alert" };
    assert.deepEqual(await ids({ ...outlet, sourceRunId: run.dagRunId, sourceMapIndex: -1 }), [SEED.alertEvent]);
    assert.deepEqual(await ids({ sourceRunId: run.dagRunId }), [SEED.alertEvent]);
    assert.deepEqual(await ids(outlet), [SEED.alertEvent]);
    assert.deepEqual(await ids({ sourceDagId: "evaluate_reading", sourceTaskId: "score" }), []);
    assert.deepEqual(await ids({ sourceDagId: "by_hand" }), []);
    assert.deepEqual(await ids({ sourceRunId: "nope" }), []);
    assert.deepEqual(await ids({ created: { from: SEEDED_AT + 1001, before: SEEDED_AT + 2001 } }), [
      SEED.alertEvent,
      SEED.runningEvent,
      SEED.queuedEvent,
    ]);
  });

  test("a run knows the events that started it, and an event what it did for each DAG", async (t) => {
    const { assetEvents, dagRuns } = (await open(t)).reads;
    const runs = await dagRuns.findMany([SEED.hotRun, SEED.manualRun]);
    assert.deepEqual(
      (await assetEvents.listOfRun(runs.get(SEED.hotRun)!)).map(({ id }) => id),
      [SEED.hotEvent],
    );
    assert.deepEqual(await assetEvents.listOfRun(runs.get(SEED.manualRun)!), []);
    const decide = async (id: number) =>
      (await assetEvents.decisions((await assetEvents.find(id))!)).map(({ dagId, decision, reason, run }) => [
        dagId,
        decision,
        reason,
        run?.id ?? null,
      ]);
    assert.deepEqual(await decide(SEED.hotEvent), [["evaluate_reading", "run", null, SEED.hotRun]]);
    assert.deepEqual(await decide(SEED.coldEvent), [["evaluate_reading", "filtered", "payload.celsius > 80.0 is false", null]]);
    assert.deepEqual(await decide(SEED.alertEvent), []);
  });

  test("a decision made later is read from its own row", async (t) => {
    const { reads, query } = await open(t);
    const later = [SEED.coldEvent, SEED.byHand, SEED.manualRun, SEEDED_AT];
    await query("INSERT INTO event_decision (event_id, dag, code, run_id, reason, at) VALUES (?, ?, 1, ?, 'after unpausing', ?)", ...later);
    const event = await reads.assetEvents.find(SEED.coldEvent);
    assert.deepEqual(
      event?.createdRuns.map((run) => run.dagRunId),
      ["my-run"],
    );
    assert.deepEqual((await reads.assetEvents.decisions(event)).map(({ dagId, reason }) => [dagId, reason]).at(-1), [
      "by_hand",
      "after unpausing",
    ]);
  });

  test("import errors, dead letters and watchers can be listed", async (t) => {
    const { importErrors, deadLetters, watchers } = (await open(t)).reads;
    const [error] = (await importErrors.list({}, page)).rows;
    assert.deepEqual([error?.file, error?.line, error?.column], ["broken.ts", 3, 7]);
    assert.equal((await importErrors.list({ filePart: "x" }, page)).total, 0);
    assert.deepEqual(await importErrors.find(error!.id), error);
    const [letter] = (await deadLetters.list({ assetId: SEED.readings }, page)).rows;
    assert.deepEqual(
      [letter?.id, letter?.asset, Buffer.from(letter!.value!).toString(), letter?.reasonCode],
      [SEED.deadLetter, "readings", "not json", "BAD_PAYLOAD"],
    );
    assert.equal((await deadLetters.list({ created: { before: SEEDED_AT } }, page)).total, 0);
    assert.deepEqual(
      (await watchers.list()).map(({ asset, name, triggerId }) => [asset, name, triggerId]),
      [["readings", "kafka_watcher", SEED.trigger]],
    );
  });
}
