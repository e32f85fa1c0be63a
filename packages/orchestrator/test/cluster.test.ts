// Several processes on one PostgreSQL: each is a cluster member of its own, whose beats the test gives.
import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import { eventually, skipWithout } from "@millrace/test-services";
import type { ClusterListener, OwnLoad, Role, RunNotice, Wake } from "../src/domain/cluster.ts";
import { systemClock } from "../src/domain/clock.ts";
import type { OutboxMessage } from "../src/domain/outbox.ts";
import { PostgresCluster } from "../src/metadata-db/postgres/cluster/postgres-cluster.ts";
import { PostgresRunner } from "../src/metadata-db/postgres/postgres-runner.ts";
import { all, execute } from "../src/metadata-db/sql-script.ts";
import { createDatabase, openTestPostgres } from "./postgres-database.ts";

const skip = skipWithout("postgres");
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

class Member implements ClusterListener {
  cluster!: PostgresCluster;
  readonly events: string[] = [];
  readonly wakes: Wake[] = [];
  readonly adopted: RunNotice[] = [];
  readonly messages: OutboxMessage[] = [];
  /** Resolves when there is room for more messages. */
  room: Promise<void> = Promise.resolve();
  /** By the monotonic clock that this member alone has. */
  passedMs = 0;
  load: OwnLoad = { load: 0, fullTriggers: [], address: null };
  status: object = { version: "1" };

  onShards(): void {
    this.events.push("shards");
  }
  onTriggerLeases(): void {
    this.events.push("triggers");
  }
  onProcesses(): void {}
  onWake(wake: Wake): void {
    this.wakes.push(wake);
  }
  onAdoptedRuns(runs: readonly RunNotice[]): void {
    this.adopted.push(...runs);
  }
  async onAdoptedMessages(messages: readonly OutboxMessage[]): Promise<void> {
    this.messages.push(...messages);
    await this.room;
  }
  onSweep(): void {
    this.events.push("sweep");
  }
  onFenced(): void {
    this.events.push("fenced");
  }
  get shards(): readonly number[] {
    return Array.from({ length: 64 }, (_, shard) => shard).filter((shard) => this.cluster.shardEpoch(shard) !== null);
  }
  /** A beat, a second after the last one. */
  async beat(): Promise<void> {
    this.passedMs += 1_000;
    await this.cluster.tick();
  }
}

async function setUp(t: TestContext) {
  const database = await openTestPostgres(t, await createDatabase());
  const runner = new PostgresRunner(database.pool, database.address);
  const join = async (roles: readonly Role[] = ["scheduler", "triggerer", "api-server"]): Promise<Member> => {
    const member = new Member();
    const clock = { now: () => systemClock.now(), monotonic: () => member.passedMs, after: () => () => undefined };
    const makeClient = () => database.makeClient("cluster");
    member.cluster = await PostgresCluster.join({
      runner,
      pool: database.pool,
      makeClient,
      roles,
      clock,
      log: silent,
      deadAfterMs: 3_000,
    });
    member.cluster.connect(
      member,
      () => member.load,
      async () => member.status,
    );
    t.after(() => member.cluster.stop());
    await member.cluster.start();
    return member;
  };
  const select = <Row extends object>(sql: string) => runner.run(() => all<Row>(sql));
  return { database, join, select, run: (sql: string) => runner.run(() => execute(sql)) };
}

const RUN = (id: number, owner: number, state = 0) =>
  `INSERT INTO dag_run (id, dag, version_id, state, run_type, owner_id, created_at) VALUES (${id}, ${id % 3}, 1, ${state}, 0, ${owner}, 0)`;

test("one process holds all shards; a second one gets its part, and all of it back when the first is gone", { skip }, async (t) => {
  const { join } = await setUp(t);
  const a = await join();
  assert.equal(a.shards.length, 64);
  const b = await join();
  await a.beat();
  await b.beat();
  assert.equal(a.shards.length, 32);
  assert.equal(b.shards.length, 32);
  assert.equal(new Set([...a.shards, ...b.shards]).size, 64, "no shard has two holders");
  const before = b.cluster.shardEpoch(b.shards[0]!);
  await a.cluster.stop();
  await b.beat();
  assert.equal(b.shards.length, 64);
  assert.equal(b.cluster.shardEpoch(b.shards.at(-1)!), before, "what it held all the time keeps its epoch");
  const taken = b.shards.find((shard) => b.cluster.shardEpoch(shard) === 2);
  assert.notEqual(taken, undefined, "what it took over has a new one");
});

test("a process that stands still is declared dead; its runs and messages are adopted once, and it finds out", { skip }, async (t) => {
  const { join, run, select } = await setUp(t);
  const [a, b, c] = [await join(), await join(), await join()];
  for (let id = 1; id <= 1_200; id += 1) await run(RUN(id, a.cluster.processId));
  await run(RUN(5_000, a.cluster.processId, 10));
  await run(`INSERT INTO outbox_message (id, run_id, task_index, map_index, kind, connection, params, options, body, owner_id, state, created_at)
    SELECT 9, 1, 0, 0, 'kafka', 'c', convert_to('{}', 'UTF8'), convert_to('{}', 'UTF8'), '', ${a.cluster.processId}, 0, 0`);
  for (let beat = 0; beat < 2; beat += 1) await Promise.all([b.beat(), c.beat()]);
  assert.deepEqual([...b.adopted, ...c.adopted], [], "silent for 2 s is not yet dead");
  await Promise.all([b.beat(), c.beat()]);
  await Promise.all([b.beat(), c.beat()]);
  assert.deepEqual(await select("SELECT state FROM process ORDER BY id"), [{ state: "dead" }, { state: "live" }, { state: "live" }]);
  const owners = await select<{ n: number }>(
    "SELECT count(*) AS n, min(is_adopted) AS adopted FROM dag_run WHERE state < 10 GROUP BY owner_id ORDER BY 1",
  );
  assert.equal(
    owners.reduce((sum, { n }) => sum + n, 0),
    1_200,
  );
  assert.deepEqual(await select(`SELECT 1 FROM dag_run WHERE owner_id = ${a.cluster.processId} AND state < 10`), []);
  assert.ok([...b.adopted, ...c.adopted].some(({ dag, fromRun }) => dag === 1 && fromRun === 1));
  await eventually(() =>
    assert.deepEqual(
      [...b.messages, ...c.messages].map(({ id }) => id),
      [9],
    ),
  );
  assert.equal(b.shards.length + c.shards.length, 64);
  await a.beat();
  assert.deepEqual(a.events.at(-1), "fenced");
});

test("an outage in which nobody could beat kills nobody", { skip }, async (t) => {
  const { join, select } = await setUp(t);
  const [a, b] = [await join(), await join()];
  await a.beat();
  await b.beat();
  // That shards were given up is told, and whoever hears it looks by itself: both have seen each other beat when the outage begins.
  await eventually(() => assert.ok(b.wakes.some(({ kind }) => kind === "processes")));
  for (const member of [a, b]) await member.cluster.tick();
  for (const member of [a, b]) member.passedMs += 60_000;
  await b.beat();
  await a.beat();
  await b.beat();
  assert.deepEqual(await select("SELECT state FROM process"), [{ state: "live" }, { state: "live" }]);
});

test("what is told arrives, together, at those it concerns; more than fits becomes a look around", { skip }, async (t) => {
  const { join } = await setUp(t);
  const [a, b] = [await join(), await join()];
  const told = (kind: Wake["kind"]): readonly Wake[] => b.wakes.filter((wake) => wake.kind === kind);
  a.cluster.tell(b.cluster.processId, { kind: "runs", runs: [{ dag: 1, triggerId: 4, count: 1, fromRun: 50 }] });
  a.cluster.tell(b.cluster.processId, { kind: "runs", runs: [{ dag: 1, triggerId: 4, count: 1, fromRun: 40 }] });
  a.cluster.tell(b.cluster.processId, { kind: "inbox", rows: [{ dag: 2, assetId: 3, count: 1, fromRow: 9 }] });
  a.cluster.tell(b.cluster.processId, { kind: "inbox", rows: [{ dag: 2, assetId: 3, count: 2, fromRow: 7 }] });
  await eventually(() => assert.equal(told("inbox").length, 1));
  assert.deepEqual(told("runs"), [{ kind: "runs", runs: [{ dag: 1, triggerId: 4, count: 2, fromRun: 40 }] }]);
  assert.deepEqual(told("inbox"), [{ kind: "inbox", rows: [{ dag: 2, assetId: 3, count: 3, fromRow: 7 }] }]);
  a.cluster.tellAll({ kind: "definitions" });
  await eventually(() => assert.equal(told("definitions").length, 1));
  assert.deepEqual(
    a.wakes.filter(({ kind }) => kind === "definitions"),
    [],
    "the one who tells knows",
  );
  a.cluster.tell(b.cluster.processId, { kind: "ended", dags: Array.from({ length: 5_000 }, (_, dag) => dag) });
  await eventually(() => assert.ok(told("look").length > 0));
});

test("a triggerer gives runs to the scheduler with the least to do; without one it has no room", { skip }, async (t) => {
  const { join } = await setUp(t);
  const triggerer = await join(["triggerer"]);
  assert.throws(() => triggerer.cluster.ownerOfNewRun(), { code: "NO_SCHEDULER" });
  assert.equal(triggerer.cluster.isFull(1), true);
  const [a, b] = [await join(["scheduler"]), await join(["scheduler"])];
  a.load = { load: 5, fullTriggers: [7], address: null };
  await a.beat();
  await triggerer.beat();
  const given = Array.from({ length: 12 }, () => triggerer.cluster.ownerOfNewRun());
  assert.equal(given.filter((id) => id === b.cluster.processId).length, 8, "5 ahead, then by turns");
  assert.deepEqual([triggerer.cluster.isFull(7), triggerer.cluster.isFull(8)], [true, false]);
  assert.equal(a.cluster.ownerOfNewRun(), a.cluster.processId, "a scheduler keeps its own");
});

test("a trigger that only one may have open has one holder, and another after its death", { skip }, async (t) => {
  const { join } = await setUp(t);
  const [a, b] = [await join(["triggerer"]), await join(["triggerer"])];
  for (const member of [a, b]) member.cluster.wantTriggers([11, 12, 13]);
  const holders = (id: number) => [a, b].filter(({ cluster }) => cluster.triggerEpoch(id) !== null);
  const settle = async (): Promise<void> => {
    for (let beat = 0; beat < 2; beat += 1) for (const member of [a, b]) await member.beat();
  };
  await settle();
  assert.deepEqual(
    [11, 12, 13].map((id) => holders(id).length),
    [1, 1, 1],
  );
  const [first] = holders(11);
  const other = first === a ? b : a;
  const epoch = first!.cluster.triggerEpoch(11)!;
  for (let beat = 0; beat < 5; beat += 1) await other.beat();
  assert.equal(other.cluster.triggerEpoch(11), epoch + 1);
  await first!.beat();
  assert.equal(first!.events.at(-1), "fenced");
});

test("a process that stops in order gives its shards up first, and what it leaves is taken over at once", { skip }, async (t) => {
  const { join, run } = await setUp(t);
  const [a, b] = [await join(), await join()];
  await run(RUN(1, a.cluster.processId));
  await a.cluster.release();
  await b.beat();
  assert.equal(b.shards.length, 64);
  assert.deepEqual(b.adopted, [], "its runs are its own while it drains");
  await a.cluster.stop();
  await b.beat();
  assert.deepEqual(b.adopted, [{ dag: 1, triggerId: null, count: 1, fromRun: 1 }]);
});

test("a process tells of itself where that has changed; what a dead one told is forgotten", { skip }, async (t) => {
  const { join, select } = await setUp(t);
  const [a, b] = [await join(), await join(["api-server"])];
  const told = async (): Promise<unknown> =>
    (await select<{ process_id: number; status: string }>("SELECT process_id, status FROM process_status ORDER BY process_id")).map(
      (row) => [row.process_id, JSON.parse(row.status)],
    );
  await eventually(async () =>
    assert.deepEqual(await told(), [
      [a.cluster.processId, { version: "1" }],
      [b.cluster.processId, { version: "1" }],
    ]),
  );
  a.status = { version: "2" };
  for (let beat = 0; beat < 3; beat += 1) await a.cluster.tick();
  await eventually(async () => assert.deepEqual(((await told()) as unknown[])[0], [a.cluster.processId, { version: "2" }]));
  await b.cluster.tick();
  assert.deepEqual(
    b.cluster.states.map(({ roles, state, shards, heartbeatAgeMs }) => [roles.length, state, shards, heartbeatAgeMs]),
    [
      [3, "live", 64, 0],
      [1, "live", 0, 0],
    ],
  );
  await a.cluster.release();
  await b.cluster.tick();
  assert.deepEqual([b.cluster.states[0]?.state, b.cluster.states[0]?.shards], ["draining", 0]);
  await a.cluster.stop();
  assert.deepEqual(await told(), [[b.cluster.processId, { version: "1" }]]);
});

test("messages of the dead that nobody has room for do not keep a process from beating, nor from its end", { skip }, async (t) => {
  const { join, run, select } = await setUp(t);
  const [a, b] = [await join(), await join()];
  const room = Promise.withResolvers<void>();
  t.after(() => room.resolve());
  b.room = room.promise;
  await run(`INSERT INTO outbox_message (id, run_id, task_index, map_index, kind, connection, params, options, body, owner_id, state, created_at)
    SELECT 9, 1, 0, 0, 'kafka', 'c', convert_to('{}', 'UTF8'), convert_to('{}', 'UTF8'), '', ${a.cluster.processId}, 0, 0`);
  await a.cluster.stop();
  await b.beat();
  await eventually(() => assert.equal(b.messages.length, 1));
  const beats = async () =>
    (await select<{ heartbeat: number }>(`SELECT heartbeat FROM process WHERE id = ${b.cluster.processId}`))[0]!.heartbeat;
  const before = await beats();
  await b.beat();
  assert.equal(await beats(), before + 1);
  await b.cluster.stop();
});

test("a process beats while another thing that it does each second is held up", { skip }, async (t) => {
  const { join, run, select, database } = await setUp(t);
  const [a, b] = [await join(), await join()];
  await run(RUN(1, a.cluster.processId));
  await a.cluster.stop();
  const blocker = await database.pool.connect();
  await blocker.query("BEGIN; LOCK TABLE dag_run");
  const held = b.beat();
  const beats = async () =>
    (await select<{ heartbeat: number }>(`SELECT heartbeat FROM process WHERE id = ${b.cluster.processId}`))[0]!.heartbeat;
  const before = await beats();
  const more = b.beat();
  const beaten = eventually(async () => assert.ok((await beats()) > before));
  try {
    await beaten;
  } finally {
    await blocker.query("ROLLBACK");
    blocker.release();
  }
  await Promise.all([held, more]);
  assert.equal(b.adopted.length, 1);
});
