import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { PurgeCursor, PurgedTable, PurgeReceipt, PurgeStep } from "../../src/domain/retention.ts";
import { BLOCKING_PACE, PurgeWriter, REMOTE_PACE } from "../../src/metadata-db/purge/purge-writer.ts";
import type { SqlRunner } from "../../src/metadata-db/sql-script.ts";
import { SEED, SEEDED_AT } from "../seeded-database.ts";
import type { OpenTestDatabase, TestDatabase } from "./test-database.ts";

const DAY_MS = 86_400_000;
const LATER = SEEDED_AT + 100 * DAY_MS;

/** Step by step, to the table's end; gives what each step took. */
async function purge(
  db: TestDatabase,
  table: PurgedTable,
  before: number,
  { isDryRun = false, keptLonger = [] }: { isDryRun?: boolean; keptLonger?: readonly number[] } = {},
): Promise<readonly number[]> {
  const { runner, reads } = db;
  if (table === "dag_run") {
    const steps: number[] = [];
    for (const { dag } of await reads.retention.dags()) steps.push(...(await walk(runner, { table, dag, before, isDryRun, keptLonger })));
    return steps;
  }
  return walk(runner, { table, dag: null, before, isDryRun, keptLonger });
}

async function walk(runner: SqlRunner, whole: Omit<PurgeStep, "after">): Promise<readonly number[]> {
  const isPostgres = runner.indexedBy("x") === "";
  const writer = new PurgeWriter(runner, isPostgres ? REMOTE_PACE : BLOCKING_PACE, isPostgres);
  const steps: number[] = [];
  for (let after: PurgeCursor | null = null, isFirst = true; isFirst || after !== null; isFirst = false) {
    const step = { ...whole, after };
    const receipt: PurgeReceipt = await runner.transaction(() => writer.step(step));
    steps.push(receipt.purged);
    after = receipt.next;
  }
  return steps;
}

const sum = (steps: readonly number[]): number => steps.reduce((all, one) => all + one, 0);

async function ids({ query }: TestDatabase, table: string, column = "id"): Promise<readonly unknown[]> {
  const rows = await query<{ value: unknown }>(`SELECT DISTINCT ${column} AS value FROM ${table} ORDER BY ${column}`);
  return rows.map(({ value }) => value);
}

/** Deletes what is old, in steps, and spares what is needed. */
export function testPurge(open: OpenTestDatabase): void {
  test("an ended run goes with all that is its own; an active one and one with a message to send stay", async (t) => {
    const db = await open(t);
    const outbox = `INSERT INTO outbox_message (id, run_id, task_index, map_index, kind, connection, params, options, body, owner_id, state, created_at)
      VALUES (?, ?, 0, -1, 'k', 'c', ?, ?, ?, 1, ?, 0)`;
    const empty = Buffer.from("{}");
    await db.query(outbox, 1, SEED.manualRun, empty, empty, empty, 0);
    await db.query(outbox, 2, SEED.hotRun, empty, empty, empty, 10);
    await db.query("INSERT INTO xcom (run_id, task_index, map_index, key, value) VALUES (?, 0, -1, 'k', ?)", SEED.hotRun, empty);
    await db.query("INSERT INTO dag_run_event (run_id, event_id, leg) VALUES (?, ?, 0)", SEED.hotRun, SEED.hotEvent);
    const kept = [SEED.runningRun, SEED.queuedRun, SEED.manualRun];
    assert.equal(sum(await purge(db, "dag_run", LATER, { isDryRun: true })), 2);
    assert.equal((await ids(db, "dag_run")).length, 5, "a dry run deletes nothing");
    assert.equal(sum(await purge(db, "dag_run", SEEDED_AT)), 0, "none is as old");
    assert.equal(sum(await purge(db, "dag_run", LATER)), 2);
    assert.deepEqual(await ids(db, "dag_run"), kept);
    assert.deepEqual(await ids(db, "task_instance", "run_id"), [SEED.runningRun, SEED.manualRun]);
    for (const table of ["task_try", "task_log", "xcom", "dag_run_event"]) assert.deepEqual(await ids(db, table, "run_id"), [], table);
    assert.deepEqual(await ids(db, "outbox_message"), [1]);
  });

  test("an event stays while it waits in an inbox, was decided lately, or started a run that is active", async (t) => {
    const db = await open(t);
    await db.query("INSERT INTO pattern_event (id, shard, dag, event_id, created_at) VALUES (1, 0, ?, ?, 0)", SEED.byHand, SEED.coldEvent);
    const decide = "INSERT INTO event_decision (event_id, dag, code, at) VALUES (?, ?, 1, ?)";
    await db.query(decide, SEED.hotEvent, SEED.byHand, LATER);
    await db.query(decide, SEED.failingEvent, SEED.byHand, SEEDED_AT);
    await db.query("INSERT INTO dag_run_event (run_id, event_id, leg) VALUES (?, ?, 0)", SEED.queuedRun, SEED.alertEvent);
    await db.query("UPDATE dag_run SET event_id = NULL WHERE id = ?", SEED.queuedRun);
    assert.equal(sum(await purge(db, "asset_event", LATER, { isDryRun: true })), 2);
    assert.equal(sum(await purge(db, "asset_event", LATER)), 2);
    assert.deepEqual(await ids(db, "asset_event"), [SEED.hotEvent, SEED.coldEvent, SEED.alertEvent, SEED.runningEvent]);
    assert.deepEqual(await ids(db, "event_decision", "event_id"), [SEED.hotEvent]);
  });

  test("a step takes some hundred rows at most, and the steps together all that are old", async (t) => {
    const db = await open(t);
    await db.query("DELETE FROM dead_letter");
    const numbers = "WITH RECURSIVE n (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < 2099)";
    await db.query(`${numbers} INSERT INTO dead_letter (id, reason_code, reason, created_at) SELECT id, 'SCHEMA', '', 1 FROM n`);
    await db.query("INSERT INTO dead_letter (id, reason_code, reason, created_at) VALUES (2100, 'SCHEMA', '', ?)", LATER);
    const steps = await purge(db, "dead_letter", 1_000);
    assert.ok(steps.length >= 5 && steps.every((purged) => purged <= 500), String(steps));
    assert.equal(sum(steps), 2_100);
    assert.deepEqual(await ids(db, "dead_letter"), [2_100]);
  });

  test("identities of messages go in order of their hash, counts trigger by trigger, tokens at once", async (t) => {
    const db = await open(t);
    const hashes = Array.from({ length: 1_203 }, (_, n) => createHash("sha256").update(String(n)).digest().subarray(0, 16));
    await db.runner.transaction(function* () {
      for (const [n, hash] of hashes.entries()) yield { sql: "INSERT INTO message_seen (hash, at) VALUES (?, ?)", parameters: [hash, n] };
      for (let n = 0; n < 1_203; n += 1) {
        const sql = "INSERT INTO ingest_count (trigger_id, minute, reason, process_id, n, samples) VALUES (?, ?, 'duplicate', ?, 1, '[]')";
        yield { sql, parameters: [1 + (n % 2), Math.floor(n / 4), n] };
      }
      for (const n of [1, 2, 3])
        yield { sql: "INSERT INTO api_token (hash, user_name, created_at, expires_at) VALUES (?, 'a', 0, ?)", parameters: [hashes[n]!, n] };
    });
    assert.equal(sum(await purge(db, "message_seen", 1_200, { isDryRun: true })), 1_200);
    assert.equal(sum(await purge(db, "message_seen", 1_200)), 1_200);
    assert.deepEqual(await ids(db, "message_seen", "at"), [1_200, 1_201, 1_202]);
    assert.equal(sum(await purge(db, "ingest_count", 300 * 60_000, { isDryRun: true })), 1_200);
    assert.equal(sum(await purge(db, "ingest_count", 300 * 60_000)), 1_200);
    assert.deepEqual(await ids(db, "ingest_count", "minute"), [300]);
    assert.deepEqual([await purge(db, "api_token", 3, { isDryRun: true }), await purge(db, "api_token", 3)], [[2], [2]]);
    assert.deepEqual(await ids(db, "api_token", "expires_at"), [3]);
  });

  test("versions that no run and no event remembers go; the last of each DAG stays", async (t) => {
    const db = await open(t);
    await db.query("UPDATE dag_version SET retired_at = ? WHERE id = 111", SEEDED_AT);
    assert.deepEqual(await purge(db, "dag_version", LATER), [0], "events of its time are kept");
    await db.query("DELETE FROM asset_event");
    await db.query("UPDATE dag_run SET version_id = 111 WHERE id = ?", SEED.hotRun);
    assert.deepEqual(await purge(db, "dag_version", LATER), [0], "a run is on it");
    await db.query("UPDATE dag_run SET version_id = 112 WHERE id = ?", SEED.hotRun);
    assert.deepEqual(await purge(db, "dag_version", LATER), [1]);
    assert.deepEqual(await ids(db, "dag_version"), [112, 120, 130]);
  });

  test("a DAG whose runs are kept longer keeps its versions as well; the others' runs go by themselves", async (t) => {
    const db = await open(t);
    await db.query("DELETE FROM asset_event");
    await db.query("UPDATE dag_version SET retired_at = ? WHERE id = 111", SEEDED_AT);
    await db.query("UPDATE dag_run SET version_id = 112");
    assert.deepEqual(await purge(db, "dag_version", LATER, { keptLonger: [11] }), [0], "a run as old as it is kept");
    await db.query("UPDATE dag_version SET retired_at = ? WHERE id = 111", SEEDED_AT - 2 * DAY_MS);
    assert.deepEqual(await purge(db, "dag_version", LATER, { keptLonger: [11] }), [1]);
    await db.query("UPDATE dag_version SET snapshot = ? WHERE id = 112", Buffer.from('{"retention":3600000}'));
    const own = (await db.reads.retention.dags()).filter(({ retention }) => retention !== null);
    assert.deepEqual(own, [{ dag: 11, retention: 3_600_000 }]);
    const step = { table: "dag_run", dag: 11, before: LATER, after: null, isDryRun: false, keptLonger: [] } as const;
    const writer = new PurgeWriter(db.runner, REMOTE_PACE, false);
    assert.equal((await db.runner.transaction(() => writer.step(step))).purged, 2);
    assert.equal((await ids(db, "dag_run")).includes(SEED.manualRun), true, "of another DAG");
  });
}
