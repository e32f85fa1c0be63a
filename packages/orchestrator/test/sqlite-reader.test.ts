import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Worker } from "node:worker_threads";
import { Kysely, SqliteDialect } from "kysely";
import type { Database } from "../src/domain/tables.ts";
import { createReads } from "../src/metadata-db/reads/create-reads.ts";
import { openSqliteReader } from "../src/metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { ReaderThread } from "../src/metadata-db/sqlite/reader/reader-thread.ts";
import { askForPages } from "./ask-for-pages.ts";
import { SEED, SEEDED_AT, seedDatabase } from "./seeded-database.ts";

test("a missing file is refused with its name", async () => {
  const file = join(tmpdir(), "millrace-no-such-folder", "x.db");
  await assert.rejects(openSqliteReader(file), { code: "DB_UNREADABLE", message: /millrace-no-such-folder/ });
});

test("many queries may be under way, a broken one fails alone, and what is asked after the close fails", async (t) => {
  const { file } = seedDatabase(t);
  const thread = new ReaderThread(file);
  t.after(() => thread.close());
  await thread.opened();
  const asked = Array.from({ length: 200 }, (_, n) => thread.query("select ? as n", [n]));
  const broken = thread.query("select 1 from nowhere", []);
  await assert.rejects(broken, { code: "DB_UNREADABLE", message: /no such table: nowhere/ });
  assert.deepEqual(
    (await Promise.all(asked)).map(([row]) => row?.["n"]),
    Array.from({ length: 200 }, (_, n) => n),
  );
  const last = thread.query("select 1 as n", []);
  await Promise.all([thread.close(), thread.close()]);
  assert.deepEqual(await last, [{ n: 1 }]);
  await assert.rejects(thread.query("select 1", []), { code: "DB_UNREADABLE", message: /closed/ });
});

test("a reader that died fails what was asked of it, and is started again by the next query", async (t) => {
  const { file } = seedDatabase(t);
  const workers: Worker[] = [];
  const keep = (worker: Worker): void => void workers.push(worker);
  process.on("worker", keep);
  t.after(() => process.off("worker", keep));
  const thread = new ReaderThread(file);
  t.after(() => thread.close());
  await thread.opened();
  const slow = thread.query("with recursive n(i) as (select 1 union all select i + 1 from n limit 5000000) select max(i) from n", []);
  await Promise.all([workers[0]!.terminate(), assert.rejects(slow, { code: "DB_UNREADABLE", message: /the reader died: exit code 1/ })]);
  assert.deepEqual(await thread.query("select 1 as n", []), [{ n: 1 }]);
  assert.equal(workers.length, 2);
});

test("the reader cannot write", async (t) => {
  const { file } = seedDatabase(t);
  const thread = new ReaderThread(file);
  t.after(() => thread.close());
  await thread.opened();
  await assert.rejects(thread.query("delete from dag returning id", []), { message: /readonly/ });
});

test("what the writer commits is seen by the next query", async (t) => {
  const { file, db } = seedDatabase(t);
  const reader = await openSqliteReader(file);
  t.after(() => reader.close());
  const { reads } = reader;
  assert.equal((await reads.dagRuns.findMany([SEED.queuedRun])).get(SEED.queuedRun)?.state, "queued");
  db.prepare("UPDATE dag_run SET state = 10 WHERE id = ?").run(SEED.queuedRun);
  assert.equal((await reads.dagRuns.findMany([SEED.queuedRun])).get(SEED.queuedRun)?.state, "success");
});

const HISTORY = 30_000;
const LARGE_TABLES = ["asset_event", "dag_run", "task_instance", "task_log", "dead_letter", "event_decision"];

test("a page of a long history is found by index: no scan, no sort", async (t) => {
  const { db: writer } = seedDatabase(t);
  fillHistory(writer);
  const seen: { sql: string; parameters: readonly unknown[] }[] = [];
  const db = new Kysely<Database>({ dialect: new SqliteDialect({ database: writer }), log: ({ query }) => void seen.push(query) });
  await askForPages(createReads(db));
  assert.ok(seen.length > 50);
  for (const { sql, parameters } of seen) {
    const plan = writer.prepare(`explain query plan ${sql}`).all(...parameters) as { detail: string }[];
    for (const { detail } of plan) {
      const isLargeScan = LARGE_TABLES.some((table) => new RegExp(`^SCAN ${table}\\b(?!.*dag_run_active)`).test(detail));
      // What is active is found among the active alone.
      const isWalk = sql.includes("state < 10") && /INDEX dag_run_by_dag \(dag=\? AND id>|PRIMARY KEY \(rowid>/.test(detail);
      assert.ok(!isWalk, `${detail}: ${sql}`);
      const isCount = sql.includes("count(");
      assert.ok(!isLargeScan || isCount, `${detail}: ${sql}`);
      assert.ok(
        !detail.startsWith("USE TEMP B-TREE FOR ORDER BY") || !LARGE_TABLES.some((table) => sql.includes(`from "${table}"`)),
        `${detail}: ${sql}`,
      );
    }
  }
});

function fillHistory(writer: ReturnType<typeof seedDatabase>["db"]): void {
  const event = writer.prepare(
    "INSERT INTO asset_event (id, asset_id, payload, created_at, decisions) VALUES (?, 1, X'31', ?, CAST('[[112,1,1]]' AS BLOB))",
  );
  const run = writer.prepare(
    "INSERT INTO dag_run (id, dag, version_id, state, run_type, event_id, owner_id, created_at) VALUES (?, 11, 112, 10, 0, ?, 1, ?)",
  );
  const task = writer.prepare("INSERT INTO task_instance (run_id, task_index, map_index, state, try) VALUES (?, 0, -1, 10, 1)");
  writer.transaction(() => {
    for (let n = 0; n < HISTORY; n += 1) {
      const id = (100 + n) * 4096;
      const at = SEEDED_AT + 100_000 + n * 1000;
      event.run(id, at);
      run.run(id + 1, id, at);
      task.run(id + 1);
    }
  })();
}
