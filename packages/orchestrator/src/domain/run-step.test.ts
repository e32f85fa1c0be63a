import { strict as assert } from "node:assert";
import { test } from "node:test";
import { activateRun, restoreRun } from "./adopt-run.ts";
import type { NewRun } from "./committer.ts";
import type { TaskSnapshot } from "./dag-snapshot.ts";
import type { DagVersion } from "./definitions.ts";
import type { ActiveRun } from "./run.ts";
import {
  applyStep,
  beginRun,
  dispatchTask,
  endTask,
  giveUpRun,
  loseTask,
  MAX_WORKER_LOST,
  NO_OUTCOME,
  recordRunning,
  retryDelay,
  scheduleTask,
  startTask,
} from "./run-step.ts";
import type { StoredRun } from "./run-store.ts";
import { DAG_RUN_STATE_CODES, TASK_INSTANCE_STATE_CODES } from "./states.ts";
import type { TaskOutcome } from "./task-outcome.ts";

const TASK: TaskSnapshot = {
  id: "t",
  needs: [],
  after: [],
  retries: 0,
  retryDelayMs: 1000,
  timeoutMs: null,
  isolation: "shared",
  outlets: [],
  inlets: [],
};

function versionOf(...tasks: Partial<TaskSnapshot>[]): DagVersion {
  const snapshot = {
    dagId: "d",
    description: null,
    tags: [],
    schedule: { kind: "none", text: "" },
    maxActiveRuns: null,
    paramsSchema: null,
    resultTask: null,
  } as const;
  const base = { id: 1, dag: 1, dagId: "d", number: 1, bundleHash: "h", sourcePath: "/d.ts" };
  return { ...base, snapshot: { ...snapshot, tasks: tasks.map((task, index) => ({ ...TASK, id: `t${index}`, ...task })) } };
}

const NEW_RUN: NewRun = {
  id: 4096,
  dag: 1,
  versionId: 1,
  type: "manual",
  triggerId: null,
  logicalDate: null,
  params: null,
  customRunId: null,
  createdAt: 5,
  part: "",
  events: [],
};

function runOf(...tasks: Partial<TaskSnapshot>[]): ActiveRun {
  return activateRun(NEW_RUN, [], versionOf(...tasks));
}

function dispatch(run: ActiveRun, index: number): void {
  run.tasks[index] = startTask(dispatchTask(scheduleTask(run.tasks[index]!), "1:1", 10), 11);
}

function end(run: ActiveRun, index: number, outcome: Partial<TaskOutcome> = {}): ReturnType<typeof endTask> {
  const step = endTask(run, index, { ...NO_OUTCOME, endedAt: 20, ...outcome }, 0.5);
  applyStep(run, step);
  return step;
}

test("a run begins with the tasks that need nothing", () => {
  const run = runOf({}, {}, { after: [0] });
  assert.deepEqual(beginRun(run, 1).ready, [0, 1]);
});

test("a DAG without tasks succeeds at once", () => {
  const step = beginRun(runOf(), 7);
  assert.equal(step.run.state, "success");
  assert.deepEqual(step.writes.run, { state: DAG_RUN_STATE_CODES.success, startedAt: 7, endedAt: 7, rescues: 0, error: null });
});

test("a task starts when the last of its needs has succeeded, once", () => {
  const run = runOf({}, {}, { needs: [{ name: "a", task: 0 }], after: [1] });
  dispatch(run, 0);
  dispatch(run, 1);
  assert.deepEqual(end(run, 0, { value: Buffer.from("1") }).ready, []);
  assert.deepEqual(end(run, 1).ready, [2]);
  assert.equal(run.state, "running");
});

test("one step of a one-task run writes the task and the run", () => {
  const run = runOf({});
  dispatch(run, 0);
  const { writes } = end(run, 0, { value: Buffer.from("1"), startedAt: 12 });
  assert.equal(run.state, "success");
  assert.equal(writes.taskInstances.length, 1);
  assert.equal(writes.taskInstances[0]!.state, TASK_INSTANCE_STATE_CODES.success);
  assert.deepEqual(writes.run, { state: DAG_RUN_STATE_CODES.success, startedAt: 12, endedAt: 20, rescues: 0, error: null });
});

test("a failed task with retries left waits for its next try, and the earlier try is kept", () => {
  const run = runOf({ retries: 1 });
  dispatch(run, 0);
  const error = { name: "Error", message: "no", stack: "" };
  const step = end(run, 0, { outcome: "failed", error });
  assert.equal(run.tasks[0]!.state, "up_for_retry");
  assert.equal(step.retry, 0);
  assert.equal(run.tasks[0]!.dueAt, 20 + 1000);
  assert.equal(step.writes.tries.length, 1);
  assert.equal(run.state, "running");
  dispatch(run, 0);
  assert.equal(run.tasks[0]!.try, 2);
  assert.equal(end(run, 0, { outcome: "failed", error }).retry, null);
  assert.equal(run.state, "failed");
});

test("a permanent failure spends no retries", () => {
  const run = runOf({ retries: 5 });
  dispatch(run, 0);
  assert.equal(end(run, 0, { outcome: "failed", isPermanent: true }).retry, null);
  assert.equal(run.state, "failed");
});

test("what a failed try emitted and published is not stored", () => {
  const run = runOf({});
  dispatch(run, 0);
  const outbox = [{ taskIndex: 0, mapIndex: -1, kind: "k", connection: "c", params: {}, options: {}, body: Buffer.from("1") }];
  assert.deepEqual(end(run, 0, { outcome: "failed", outbox }).writes.outbox, []);
});

test("everything below a failed task is upstream_failed, below a skipped one skipped", () => {
  const failed = runOf({}, { after: [0] }, { after: [1] });
  dispatch(failed, 0);
  end(failed, 0, { outcome: "failed" });
  assert.deepEqual(
    failed.tasks.map(({ state }) => state),
    ["failed", "upstream_failed", "upstream_failed"],
  );
  assert.equal(failed.state, "failed");
  const skipped = runOf({}, { after: [0] }, {});
  dispatch(skipped, 0);
  end(skipped, 0, { outcome: "skipped" });
  assert.deepEqual(
    skipped.tasks.map(({ state }) => state),
    ["skipped", "skipped", null],
  );
});

test("a lost worker repeats the same try without spending a retry", () => {
  const run = runOf({});
  dispatch(run, 0);
  const step = loseTask(run, 0, { isSuspect: false, isolate: true, text: "the worker died" }, 30);
  applyStep(run, step);
  assert.deepEqual(step.ready, [0]);
  dispatch(run, 0);
  assert.equal(run.tasks[0]!.try, 1);
  assert.equal(run.tasks[0]!.isIsolated, true);
});

test("a task that takes its worker down again and again is given up", () => {
  const run = runOf({ retries: 9 });
  for (let lost = 1; lost <= MAX_WORKER_LOST; lost += 1) {
    dispatch(run, 0);
    applyStep(run, loseTask(run, 0, { isSuspect: true, isolate: false, text: "the worker ran out of memory" }, 30));
  }
  assert.equal(run.tasks[0]!.state, "failed");
  assert.equal(run.state, "failed");
});

test("retries double up to ten minutes, spread by a quarter", () => {
  assert.equal(retryDelay(10_000, 1, 0.5), 10_000);
  assert.equal(retryDelay(10_000, 3, 0.5), 40_000);
  assert.equal(retryDelay(10_000, 30, 0.5), 600_000);
  assert.equal(retryDelay(10_000, 1, 0), 7_500);
  assert.equal(retryDelay(3_600_000, 2, 0.5), 3_600_000);
});

function store(run: ActiveRun, step: ReturnType<typeof recordRunning>, rescues = 0): StoredRun {
  const { taskIndex, try: number, queuedAt, startedAt, dueAt, value, workerLost } = step.writes.taskInstances[0]!;
  const tasks = [{ taskIndex, state: "running", try: number, queuedAt, startedAt, dueAt, value, workerLost } as const];
  return { ...NEW_RUN, events: [], state: "running", startedAt: 10, rescues, tasks, isAdopted: true };
}

test("a rescued run repeats the try it was in, and counts the rescue only where that was recorded", () => {
  const run = runOf({}, { after: [0] });
  dispatch(run, 0);
  const stored = store(run, recordRunning(run, [0], 12));
  const rescued = restoreRun(stored, run.version);
  assert.equal(rescued.rescues, 1);
  assert.deepEqual(beginRun(rescued, 50).ready, [0]);
  assert.equal(scheduleTask(rescued.tasks[0]!).try, 1);
  assert.equal(restoreRun({ ...stored, tasks: [] }, run.version).rescues, 0);
  assert.equal(restoreRun({ ...stored, isAdopted: false }, run.version).rescues, 0);
});

test("a run that was rescued too often fails and says so", () => {
  const run = runOf({}, { after: [0] });
  dispatch(run, 0);
  const rescued = restoreRun(store(run, recordRunning(run, [0], 12), 6), run.version);
  const step = giveUpRun(rescued, 99);
  assert.equal(step.run.state, "failed");
  assert.match(step.writes.run!.error!, /RESCUED_TOO_OFTEN/);
});
