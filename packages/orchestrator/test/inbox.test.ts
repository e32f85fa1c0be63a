// What several processes do at once, and a database that does not answer, as the inbox of one of them meets it.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { AloneCluster } from "../src/domain/alone-cluster.ts";
import type { DagSnapshot } from "../src/domain/dag-snapshot.ts";
import { buildDefinitions } from "../src/domain/definitions.ts";
import type { Log } from "../src/domain/log.ts";
import { GroupCommitter } from "../src/metadata-db/committer.ts";
import { openDatabase } from "../src/metadata-db/sqlite/open-database.ts";
import { SqliteBatchWriter } from "../src/metadata-db/sqlite/sqlite-batch-writer.ts";
import { SqliteRunner } from "../src/metadata-db/sqlite/sqlite-runner.ts";
import { SqlInboxStore } from "../src/metadata-db/stores/inbox-store.ts";
import { Inbox } from "../src/scheduler/inbox.ts";
import { held, ingest } from "./batch-writer.testsuite.ts";
import { ManualClock } from "./manual-clock.ts";

const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };
const DAG = 7;
const SHARD = 9;

/** A store whose counts can be kept waiting or fail. */
class GatedStore extends SqlInboxStore {
  gate: Promise<void> | null = null;
  failures = 0;

  override async count(shards: readonly number[]) {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error("the database does not answer");
    }
    return super.count(shards);
  }

  override async countUnfinished(dag?: number) {
    const counted = await super.countUnfinished(dag);
    if (dag === undefined) await this.gate;
    return counted;
  }
}

function setUp(maxActiveRuns: number | null) {
  const db = openDatabase(":memory:");
  const runner = new SqliteRunner(db);
  db.exec(`INSERT INTO asset (id, name, uri, group_name, description, extra, created_at, updated_at) VALUES (1, 'a', 'a', '', '', '{}', 0, 0);
    INSERT INTO dag (id, dag_id, file, version_id, shard, created_at, loaded_at) VALUES (${DAG}, 'd', 'd.ts', 3, ${SHARD}, 0, 0)`);
  const schedule = { kind: "coalesce", text: "coalesce(a)", sources: [{ asset: "a", where: null }] } as const;
  const about = { dagId: "d", description: null, tags: [], paramsSchema: null, tasks: [], resultTask: null };
  const snapshot: DagSnapshot = { ...about, schedule, maxActiveRuns };
  const version = { id: 3, dag: DAG, dagId: "d", number: 1, bundleHash: "", sourcePath: "", snapshot };
  const asset = { id: 1, snapshot: { name: "a", uri: "a", group: "", description: "", extra: {}, schema: null, watchers: [] } };
  const dag = { id: DAG, dagId: "d", isPaused: false, shard: SHARD, version };
  const definitions = buildDefinitions({ version: 1, dags: [dag], assets: [asset], watchers: [], triggers: [], triggerKinds: [] });
  const clock = new ManualClock();
  const cluster = new (class extends AloneCluster {
    epoch: number | null = 0;
    override shardEpoch(): number {
      return this.epoch as number;
    }
  })(1);
  const store = new GatedStore(runner);
  const writer = new SqliteBatchWriter(db, 1);
  const committer = new GroupCommitter({
    writer,
    clock,
    log: silentLog,
    listener: {
      onRuns: (runs) => runs.forEach(({ dag: of }) => inbox.onRunCreated(of)),
      onInbox: (rows) => inbox.onInbox(rows),
      onOutbox() {},
    },
  });
  const inbox = new Inbox({ committer, store, definitions: () => definitions, cluster, limit: 10, clock, log: silentLog });
  const take = async (): Promise<void> => {
    const work = ingest(held(DAG));
    if (work.kind === "ingest") await committer.ingest(work.unit);
  };
  /** All that was begun is done: nothing here takes longer than a few turns. */
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const count = (table: string): number => Number(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
  return { inbox, store, writer, cluster, clock, take, settled, count };
}

test("a count of runs that arrives late does not let a DAG exceed its limit", async () => {
  const { inbox, store, take, settled, count } = setUp(1);
  await inbox.start();
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const sweeping = inbox.sweep(0);
  await take();
  await settled();
  assert.equal(count("dag_run"), 1);
  gate.resolve();
  await sweeping;
  await take();
  await settled();
  assert.equal(count("dag_run"), 1, "the first still runs");
  assert.equal(count("pattern_event"), 1);
});

test("shards that were gained while the database did not answer are folded after the next sweep", async () => {
  const { inbox, store, cluster, take, settled, count } = setUp(null);
  cluster.epoch = null;
  await inbox.start();
  await take();
  cluster.epoch = 1;
  store.failures = 1;
  await assert.rejects(inbox.onShards());
  await inbox.sweep(Number.MAX_SAFE_INTEGER);
  await settled();
  assert.equal(count("pattern_event"), 0);
});

for (const [how, spoil] of [
  ["is put off", ({ store, clock }: ReturnType<typeof setUp>) => store.count([SHARD]).then(() => clock.jump(1_000))],
  ["fails", async ({ store }: ReturnType<typeof setUp>) => void (store.failures = 1)],
] as const) {
  test(`rows that nobody told of are found also where the sweep that was to find them ${how}`, async () => {
    const parts = setUp(null);
    const { inbox, store, writer, clock, take, settled, count } = parts;
    await inbox.start();
    await settled();
    // Another process's, whose notification is lost.
    const { inbox: rows } = writer.write([ingest(held(DAG))], 1);
    await take();
    await settled();
    assert.equal(count("pattern_event"), 1);
    if (how === "fails") await spoil(parts);
    else {
      const counted = store.count.bind(store);
      store.count = async (shards) => (clock.jump(1_000), counted(shards));
      await inbox.sweep(Number.MAX_SAFE_INTEGER);
      store.count = counted;
    }
    await inbox.sweep(rows[0]!.rowId).catch(() => undefined);
    clock.jump(60_000);
    await inbox.sweep(Number.MAX_SAFE_INTEGER);
    await settled();
    assert.equal(count("pattern_event"), 0);
  });
}
