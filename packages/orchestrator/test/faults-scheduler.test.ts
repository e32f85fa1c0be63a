// The scheduler on a real database, with an executor whose reports the test gives: what comes in one turn, late, or in masses.
import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import { eventually } from "@millrace/test-services";
import { AloneCluster } from "../src/domain/alone-cluster.ts";
import { type Clock, systemClock } from "../src/domain/clock.ts";
import type { NewRun, RunCreation } from "../src/domain/committer.ts";
import type { TaskSnapshot } from "../src/domain/dag-snapshot.ts";
import { type DagVersion, NO_DEFINITIONS } from "../src/domain/definitions.ts";
import type { Executor, ExecutorListener, TaskDispatch, TryResult } from "../src/domain/executor.ts";
import type { Log } from "../src/domain/log.ts";
import { GroupCommitter } from "../src/metadata-db/committer.ts";
import { openDatabase } from "../src/metadata-db/sqlite/open-database.ts";
import { SqliteBatchWriter } from "../src/metadata-db/sqlite/sqlite-batch-writer.ts";
import { SqliteRunner } from "../src/metadata-db/sqlite/sqlite-runner.ts";
import { SqlInboxStore } from "../src/metadata-db/stores/inbox-store.ts";
import { SqlRunStore } from "../src/metadata-db/stores/run-store.ts";
import { Scheduler } from "../src/scheduler/scheduler.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Keeps what it is given until the test reports on it. */
class HeldExecutor implements Executor {
  readonly isConnected = true;
  readonly dispatched: TaskDispatch[] = [];
  room = Number.POSITIVE_INFINITY;
  readonly listener: ExecutorListener;

  constructor(listener: ExecutorListener) {
    this.listener = listener;
  }
  async start(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  async stop(): Promise<void> {}
  hasRoom(): boolean {
    return this.dispatched.length < this.room;
  }
  dispatch(dispatch: TaskDispatch): void {
    this.dispatched.push(dispatch);
  }
  readonly workerAddress = null;
  setPeers(): void {}
  cancel(): void {}
  drain(): void {}
  workers(): [] {
    return [];
  }

  /** The first dispatch of a task, taken out. */
  take(taskId: string): TaskDispatch {
    const at = this.dispatched.findIndex(({ place }) => place.taskId === taskId);
    assert.notEqual(at, -1, `task ${taskId} was dispatched`);
    return this.dispatched.splice(at, 1)[0]!;
  }

  report({ ref }: TaskDispatch, result: Partial<TryResult> & { readonly endedAt: number }): void {
    const ended: TryResult = {
      outcome: "success",
      startedAt: result.endedAt,
      value: null,
      error: null,
      isPermanent: false,
      log: null,
      outletEvents: [],
      outbox: [],
      ...result,
    };
    this.listener.onResult(ref, ended, () => undefined);
  }
}

const task = (id: string, after: readonly number[], retryDelayMs = 0): TaskSnapshot => ({
  id,
  needs: [],
  after,
  outlets: [],
  inlets: [],
  retries: retryDelayMs === 0 ? 0 : 9,
  retryDelayMs,
  timeoutMs: null,
  isolation: "shared",
});

const FAILURE = { outcome: "failed", error: { name: "Error", message: "no", stack: "" } } as const;

interface SetUpOptions {
  readonly tasks: readonly TaskSnapshot[];
  readonly clock?: Clock;
}

async function setUp(t: TestContext, { tasks, clock = systemClock }: SetUpOptions) {
  const db = openDatabase(":memory:");
  const versionOf = (dag: number): DagVersion => ({
    id: dag,
    dag,
    dagId: `d${dag}`,
    number: 1,
    bundleHash: "h",
    sourcePath: "/d.ts",
    snapshot: { dagId: `d${dag}`, schedule: { kind: "none" }, paramsSchema: null, tasks } as unknown as DagVersion["snapshot"],
  });
  let scheduler: Scheduler | null = null;
  const committer: GroupCommitter = new GroupCommitter({
    writer: new SqliteBatchWriter(db, 1),
    clock,
    log: silent,
    listener: { onRuns: (runs) => scheduler!.onRuns(runs), onInbox() {}, onOutbox() {} },
  });
  const runner = new SqliteRunner(db);
  scheduler = new Scheduler({
    committer,
    store: new SqlRunStore(runner, 1),
    inboxStore: new SqlInboxStore(runner),
    executor: (listener) => new HeldExecutor(listener),
    definitions: () => NO_DEFINITIONS,
    knownVersion: versionOf,
    findVersion: async (id) => versionOf(id),
    bundlesFolder: "/bundles",
    cluster: new AloneCluster(1),
    backlogLimit: 10,
    inboxLimit: 10,
    clock,
    log: silent,
    random: () => 0.5,
  });
  const executor = scheduler.executor as HeldExecutor;
  t.after(async () => {
    await scheduler.stop({ deadlineMs: 0 });
    db.close();
  });
  const creation = (dag: number, params: Uint8Array | null): RunCreation => ({
    dag,
    versionId: dag,
    type: "manual",
    logicalDate: null,
    params,
    customRunId: null,
    part: "",
    events: [],
  });
  const create = (dag = 1, params: Uint8Array | null = null): Promise<NewRun> => committer.create(creation(dag, params));
  const count = (where: string): unknown => db.prepare(`SELECT count(*) FROM dag_run WHERE ${where}`).pluck().get();
  return { db, scheduler, executor, committer, create, count };
}

test("a retry and a success reported in one turn: the run goes on once, not twice", async (t) => {
  const { scheduler, executor, create, count } = await setUp(t, {
    tasks: [task("fails", [], 20), task("succeeds", []), task("next", [1])],
  });
  await scheduler.start();
  await create();
  executor.report(executor.take("fails"), { ...FAILURE, endedAt: Date.now() });
  executor.report(executor.take("succeeds"), { endedAt: Date.now() });
  const again = await eventually(() => executor.take("fails"));
  assert.deepEqual(
    executor.dispatched.map(({ place }) => place.taskId),
    ["next"],
    "one dispatch of the task that followed",
  );
  executor.report(again, { endedAt: Date.now() });
  executor.report(executor.take("next"), { endedAt: Date.now() });
  await eventually(() => assert.equal(count("state = 10"), 1));
});

test("a clock that is set back delays no retry", async (t) => {
  let offsetMs = 0;
  const clock: Clock = { ...systemClock, now: () => Date.now() + offsetMs };
  const { db, scheduler, executor, committer, create, count } = await setUp(t, { tasks: [task("t", [], 500), task("long", [])], clock });
  await scheduler.start();
  // One run stays in memory, the other one is put aside until its retry.
  await create();
  executor.report(executor.take("t"), { ...FAILURE, endedAt: clock.now() });
  await create();
  executor.report(executor.take("t"), { ...FAILURE, endedAt: clock.now() });
  executor.report(executor.take("long"), { endedAt: clock.now() });
  await committer.flush();
  await eventually(() => assert.equal(db.prepare("SELECT count(*) FROM task_try").pluck().get(), 2));
  offsetMs = -3_600_000;
  for (const _ of [1, 2]) executor.report(await eventually(() => executor.take("t")), { endedAt: clock.now() });
  executor.report(executor.take("long"), { endedAt: clock.now() });
  await eventually(() => assert.equal(count("state = 10"), 2));
});

test("a run made while the server starts is started once", async (t) => {
  const { scheduler, executor, create } = await setUp(t, { tasks: [task("t", [])] });
  const early = create();
  const starting = scheduler.start();
  await Promise.all([early, starting]);
  await eventually(() => assert.equal(executor.dispatched.length, 1));
  await create();
  await eventually(() => assert.equal(executor.dispatched.length, 2));
});

test("400 MB of runs that wait take no 400 MB of memory, and every one comes to its turn (P6)", async (t) => {
  const { scheduler, executor, create, count } = await setUp(t, { tasks: [task("t", [])] });
  await scheduler.start();
  executor.room = 10;
  const held = 400;
  const megabyte = Buffer.alloc(1_048_576, 32);
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < held; n += 1) await create(1, Buffer.from(megabyte));
  await eventually(() => assert.ok(process.memoryUsage().arrayBuffers - before < 200 * 1_048_576, "what waits is in the metadata DB"));
  for (let done = 0; done < held; done += 1) {
    executor.report(await eventually(() => executor.take("t")), { endedAt: Date.now() });
  }
  await eventually(() => assert.equal(count("state = 10"), held));
});

test("a DAG with a long backlog leaves room in memory for another one", async (t) => {
  const { scheduler, executor, create } = await setUp(t, { tasks: [task("t", [])] });
  await scheduler.start();
  executor.room = 1;
  await Promise.all(Array.from({ length: 12_000 }, () => create(1)));
  await create(2);
  executor.room = 2;
  executor.report(executor.take("t"), { endedAt: Date.now() });
  await eventually(() => assert.ok(executor.dispatched.some(({ place }) => place.dagId === "d2")));
});

test("10,000 runs that wait for a retry are put aside, come back, and end", async (t) => {
  const first = await setUp(t, { tasks: [task("t", [], 200)] });
  await first.scheduler.start();
  await Promise.all(Array.from({ length: 10_000 }, () => first.create()));
  const take = async (): Promise<TaskDispatch[]> =>
    eventually(() => {
      assert.notEqual(first.executor.dispatched.length, 0);
      return first.executor.dispatched.splice(0);
    });
  const seen = new Map<number, number>();
  while (first.count("state = 10") !== 10_000) {
    for (const dispatch of await take()) {
      const tries = (seen.get(dispatch.ref.runId) ?? 0) + 1;
      seen.set(dispatch.ref.runId, tries);
      assert.equal(dispatch.ref.try, tries, "no try is skipped and none is given twice");
      first.executor.report(dispatch, tries < 2 ? { ...FAILURE, endedAt: Date.now() } : { endedAt: Date.now() });
    }
    await first.committer.flush();
  }
  assert.equal(seen.size, 10_000);
});
