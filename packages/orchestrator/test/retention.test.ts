// Retention: what is old goes, with all that is its own; what is active, or waited for, stays and goes on.
import { strict as assert } from "node:assert";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually } from "@millrace/test-services";
import type { Database } from "better-sqlite3";
import { systemClock } from "../src/domain/clock.ts";
import type { PurgeCursor, PurgeReceipt } from "../src/domain/retention.ts";
import { openSqliteReader } from "../src/metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { BLOCKING_PACE, PurgeWriter } from "../src/metadata-db/purge/purge-writer.ts";
import { SqliteRunner } from "../src/metadata-db/sqlite/sqlite-runner.ts";
import { Retention } from "../src/retention/retention.ts";
import { startApi } from "./api-harness.ts";
import { type EngineHarness, startEngine } from "./engine-harness.ts";
import { SEED } from "./seeded-database.ts";
import { makeProject } from "./standalone-process.ts";

const DAY_MS = 86_400_000;
const QUIET = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET };

const FILE = (gate: string): string => `
import { all, defineAsset, defineDag } from "@millrace/sdk";
import { sqsQueue } from "@millrace/sqs";
import { existsSync } from "node:fs";
const [a, b, slow] = [defineAsset("a"), defineAsset("b"), defineAsset("slow")];
const nowhere = sqsQueue({ queueUrl: "http://127.0.0.1:9/000000000000/nowhere" });
export const each = defineDag("each", { schedule: a }, (dag) => {
  dag.task("t", ({ event, log }) => { log.info("took it"); return event.payload; });
});
export const sends = defineDag("sends", {}, (dag) => { dag.task("t", ({ publish }) => { publish(nowhere, { n: 1 }); }); });
export const brief = defineDag("brief", { retention: "1d" }, (dag) => { dag.task("t", () => 1); });
export const lasting = defineDag("lasting", { retention: "forever" }, (dag) => { dag.task("t", () => 1); });
export const longer = defineDag("longer", { retention: "90d" }, (dag) => { dag.task("t", () => 1); });
export const both = defineDag("both", { schedule: all([a, b]) }, (dag) => { dag.task("t", ({ events }) => events.flat().map(({ payload }) => payload)); });
export const waits = defineDag("waits", { schedule: slow }, (dag) => {
  dag.task("t", async ({ event }) => { while (!existsSync("${gate}")) await new Promise((resolve) => setTimeout(resolve, 20)); return event.payload; });
});
`;

function count(db: Database, table: string, where = "1"): number {
  return db.prepare(`SELECT count(*) FROM ${table} WHERE ${where}`).pluck().get() as number;
}

/** As if all of it had happened so many days earlier. */
function age(db: Database, days: number): void {
  const ms = days * DAY_MS;
  db.prepare("UPDATE dag_run SET created_at = created_at - ?, started_at = started_at - ?, ended_at = ended_at - ?").run(ms, ms, ms);
  db.prepare("UPDATE asset_event SET created_at = created_at - ?").run(ms);
  db.prepare("UPDATE event_decision SET at = at - ?").run(ms);
}

async function makeRetention(t: TestContext, { engine, home }: EngineHarness, retentionRows = 1_000_000): Promise<Retention> {
  const reader = await openSqliteReader(join(home, "home/millrace.db"));
  t.after(() => reader.close());
  const parts = { committer: engine.committer, reads: reader.reads.retention, clock: systemClock, log: QUIET };
  return new Retention({ ...parts, bundlesFolder: join(home, "home/bundles"), retentionMs: 30 * DAY_MS, retentionRows, pauseMs: 1 });
}

async function emit({ engine }: EngineHarness, name: string, payload: unknown): Promise<number> {
  return (await engine.createAssetEvent({ asset: { name }, payload, extra: null, partitionKey: null })).id;
}

async function startWithHistory(t: TestContext) {
  const gate = join(tmpdir(), `millrace-gate-${randomUUID()}`);
  t.after(() => rmSync(gate, { force: true }));
  const environment = {
    MILLRACE_CONN_AWS_DEFAULT: JSON.stringify({ conn_type: "aws", login: "x", password: "x", extra: { region_name: "eu-west-1" } }),
  };
  const harness = await startEngine(t, { files: { "d.ts": FILE(gate) }, environment });
  const { db } = harness;
  for (let n = 0; n < 40; n += 1) await emit(harness, "a", n);
  const active = await emit(harness, "slow", "the event of an active run");
  await harness.run("sends");
  await eventually(() => assert.deepEqual([count(db, "dag_run", "state = 10"), count(db, "dag_run", "state = 1")], [41, 1]));
  return { ...harness, harness, active, gate };
}

test("a DAG's own retention is kept: shorter or longer than the server's, beyond its number of rows, and by `db purge`", async (t) => {
  const harness = await startEngine(t, { files: { "d.ts": FILE(join(tmpdir(), randomUUID())) } });
  const { engine, db } = harness;
  for (const dagId of ["brief", "lasting", "longer", "each"])
    await engine.createDagRun({ dagId, customRunId: null, logicalDate: null, params: {}, ...(dagId === "each" && { payload: 1 }) });
  await eventually(() => assert.equal(count(db, "dag_run", "state < 10"), 0));
  const left = (): unknown =>
    db.prepare("SELECT g.dag_id, count(*) FROM dag_run r JOIN dag g ON g.id = r.dag GROUP BY 1 ORDER BY 1").raw().all();
  age(db, 2);
  const byAge = await makeRetention(t, harness);
  assert.equal((await byAge.tick()).counts.dag_run, 1);
  assert.deepEqual(
    left(),
    [
      ["each", 1],
      ["lasting", 1],
      ["longer", 1],
    ],
    "two days old",
  );
  age(db, 40);
  assert.equal((await byAge.tick()).counts.dag_run, 1);
  assert.deepEqual(left(), [
    ["lasting", 1],
    ["longer", 1],
  ]);
  const byRows = await makeRetention(t, harness, 0);
  assert.equal((await byRows.tick()).counts.dag_run, 0, "their number does not matter");
  assert.equal((await byAge.purge({ olderThanMs: 3_600_000, isDryRun: false }, 60_000)).counts.dag_run, 0);
  age(db, 60);
  assert.equal((await byAge.purge({ olderThanMs: 3_600_000, isDryRun: false }, 60_000)).counts.dag_run, 1);
  assert.deepEqual(left(), [["lasting", 1]]);
  assert.equal(count(db, "task_instance"), 1, "with what is theirs");
});

test("what ended goes with all that is its own; what is active, waits in an inbox or is still to be sent stays, and goes on", async (t) => {
  const { db, harness, active, gate } = await startWithHistory(t);
  const retention = await makeRetention(t, harness);
  age(db, 40);
  await harness.run("each", { payload: "young" });
  const rehearsed = await retention.purge({ olderThanMs: 30 * DAY_MS, isDryRun: true }, 1);
  const before = count(db, "dag_run");
  // The events of the 40 ended runs still wait for the other side of a join.
  assert.deepEqual([rehearsed.counts.dag_run, rehearsed.counts.asset_event, rehearsed.isDone, before], [40, 0, true, 43]);
  const { counts } = await retention.tick();
  assert.deepEqual([counts.dag_run, counts.asset_event], [40, 0]);
  assert.equal(count(db, "dag_run"), 3, "the active one, the one whose message is to be sent, the young one");
  for (const table of ["task_instance", "task_log", "task_try", "xcom", "dag_run_event"])
    assert.equal(count(db, table, "run_id NOT IN (SELECT id FROM dag_run)"), 0, table);
  assert.equal(count(db, "outbox_message"), 1);
  assert.equal(count(db, "asset_event", `id = ${active}`), 1);

  await emit(harness, "b", "the other side");
  const joined = (): unknown =>
    db
      .prepare(
        "SELECT t.value FROM dag_run r JOIN dag d ON d.id = r.dag JOIN task_instance t ON t.run_id = r.id WHERE d.dag_id = 'both' AND r.state = 10",
      )
      .pluck()
      .get();
  await eventually(() => assert.notEqual(joined(), undefined));
  assert.deepEqual(JSON.parse(String(joined())), [...Array.from({ length: 40 }, (_, n) => n), "the other side"]);
  writeFileSync(gate, "");
  await eventually(() => assert.equal(count(db, "dag_run", "state < 10"), 0));
  age(db, 40);
  const later = await retention.tick();
  // 40 of the join, its other side, that of the run that was active, the young one's; the run whose message is not sent stays.
  assert.deepEqual([later.counts.dag_run, later.counts.asset_event], [3, 43]);
  assert.deepEqual(
    ["dag_run", "asset_event", "event_decision", "pattern_event"].map((table) => count(db, table)),
    [1, 0, 0, 0],
  );
});

test("an active run keeps its old event over a kill: it is rescued with it", async (t) => {
  const { db, harness, gate, home } = await startWithHistory(t);
  const retention = await makeRetention(t, harness);
  await emit(harness, "b", "the other side");
  await eventually(() => assert.equal(count(db, "pattern_event"), 0));
  await eventually(() => assert.equal(count(db, "dag_run", "state = 10"), 42));
  age(db, 40);
  assert.equal((await retention.tick()).counts.asset_event, 41);
  await harness.stop(0);
  writeFileSync(gate, "");
  const again = await startEngine(t, { files: {}, home });
  await eventually(() => assert.equal(count(again.db, "dag_run", "state = 10"), 2));
  const value = again.db
    .prepare("SELECT t.value FROM dag_run r JOIN dag d ON d.id = r.dag JOIN task_instance t ON t.run_id = r.id WHERE d.dag_id = 'waits'")
    .pluck()
    .get();
  assert.equal(JSON.parse(String(value)), "the event of an active run");
});

test("above the number of rows that are kept, the oldest go, however young; ids never come twice", async (t) => {
  const { db, harness } = await startWithHistory(t);
  await emit(harness, "b", "the other side");
  await eventually(() => assert.equal(count(db, "pattern_event"), 0));
  const since = Date.now() - 100_000;
  for (const table of ["asset_event", "dag_run"]) db.prepare(`UPDATE ${table} SET created_at = ? + id / 4096`).run(since);
  const newest = db.prepare("SELECT max(id) FROM asset_event").pluck().get() as number;
  const retention = await makeRetention(t, harness, 1);
  db.prepare("UPDATE event_decision SET at = 0").run();
  await retention.tick();
  assert.equal(count(db, "asset_event"), 2, "one, and that of the active run");
  assert.ok((await emit(harness, "b", 1)) > newest);
});

test("a step takes some hundred rows at most, and the steps together all of them", async (t) => {
  const api = await startApi(t);
  const insert = api.db.prepare("INSERT INTO dead_letter (id, reason_code, reason, created_at) VALUES (?, 'SCHEMA', '', 1)");
  api.db.transaction(() => {
    for (let n = 0; n < 2_100; n += 1) insert.run(n);
  })();
  const runner = new SqliteRunner(api.db);
  const writer = new PurgeWriter(runner, BLOCKING_PACE, false);
  const taken: number[] = [];
  for (let after: PurgeCursor | null = -1; after !== null;) {
    const { purged, next }: PurgeReceipt = runner.runNow(
      writer.step({ table: "dead_letter", dag: null, keptLonger: [], before: 1_000, after, isDryRun: false }),
    );
    taken.push(purged);
    after = next;
  }
  assert.ok(taken.length >= 5 && taken.every((purged) => purged <= 500), String(taken));
  assert.equal(count(api.db, "dead_letter"), 1, "the young one");
});

test("versions that no run and no event remembers go, with their bundles; the last of each DAG stays", async (t) => {
  const file = (n: number): string =>
    `import { defineDag } from "@millrace/sdk"; export default defineDag("d", {}, (dag) => { dag.task("t", () => ${n}); });`;
  const harness = await startEngine(t, { files: { "d.ts": file(0) } });
  const { db, dags, home, engine } = harness;
  await harness.run("d");
  for (const n of [1, 2, 3]) {
    writeFileSync(join(dags, "d.ts"), file(n));
    await eventually(() => assert.equal(engine.definitions.current.dags.get("d")!.version.number, n + 1));
  }
  const bundles = join(home, "home/bundles");
  const old = new Date(Date.now() - 40 * DAY_MS);
  for (const name of readdirSync(bundles)) utimesSync(join(bundles, name), old, old);
  db.prepare("UPDATE dag_version SET created_at = created_at - ?, retired_at = retired_at - ?").run(50 * DAY_MS, 40 * DAY_MS);
  const lasting = db.prepare("UPDATE dag_run SET created_at = created_at - ?, ended_at = ended_at - ?");
  lasting.run(45 * DAY_MS, 20 * DAY_MS);
  const retention = await makeRetention(t, harness);
  const first = await retention.tick();
  const numbers = (): unknown => db.prepare("SELECT number FROM dag_version ORDER BY number").pluck().all();
  assert.deepEqual([first.counts.dag_version, first.bundles, numbers()], [2, 2, [1, 4]], "the first has a run");
  assert.equal(readdirSync(bundles).length, 2);
  age(db, 40);
  assert.equal((await retention.tick()).counts.dag_version, 1);
  const [bundle] = db.prepare("SELECT bundle_hash FROM dag_version").pluck().all() as string[];
  assert.deepEqual(readdirSync(bundles), [`${bundle}.mjs`]);
  // An old text again: its version and its bundle are made anew.
  writeFileSync(join(dags, "d.ts"), file(1));
  await eventually(() => assert.equal(engine.definitions.current.dags.get("d")!.version.number, 5));
  assert.equal((await harness.run("d")).tasks[0]!.value, 1);
});

test("identities of messages stay for 15 days, the audit log for a year, tokens until they expire", async (t) => {
  const api = await startApi(t);
  const now = Date.now();
  const ago = (days: number): number => now - days * DAY_MS;
  for (let n = 0; n < 1_200; n += 1)
    api.db.prepare("INSERT INTO message_seen VALUES (?, ?)").run(Buffer.from(`${n}`.padStart(16)), ago(n % 2 === 0 ? 14 : 16));
  for (const days of [400, 300]) api.db.prepare("INSERT INTO audit_log (at, action, subject) VALUES (?, 'x', 'x')").run(ago(days));
  for (const days of [-1, 1]) api.db.prepare("INSERT INTO api_token VALUES (?, 'admin', 0, ?)").run(Buffer.from(String(days)), ago(days));
  for (let n = 0; n < 1_100; n += 1)
    api.db.prepare("INSERT INTO ingest_count VALUES (1, ?, 'duplicate', 1, 1, '[]')").run(Math.floor(ago(10) / 60_000) - n);
  api.db.prepare("UPDATE dead_letter SET created_at = ?").run(ago(8));
  const answer = await api.post("/api/v2/database/purge", { older_than_seconds: 7 * 86_400 });
  assert.equal(answer.status, 200, answer.text);
  const { message_seen: seen, audit_log: audit, api_token: tokens, ingest_count: counts, dead_letter: letters } = answer.body.rows;
  assert.deepEqual([seen, audit, tokens, counts, letters, answer.body.is_done], [600, 1, 1, 1_100, 1, true]);
  assert.equal(api.db.prepare("SELECT action FROM audit_log ORDER BY id DESC LIMIT 1").pluck().get(), "database.purge");
  assert.equal((await api.get(`/api/v2/assets/events/${SEED.hotEvent}`)).status, 200, "it is of today");
  const operator = { authorization: `Bearer ${await api.tokenOf("operator")}` };
  assert.equal((await api.post("/api/v2/database/purge", { older_than_seconds: 86_400 }, operator)).status, 403);
  assert.equal((await api.post("/api/v2/database/purge", { older_than_seconds: 60 })).body.code, "BAD_REQUEST");
});

test("`db purge` goes through the running server, or takes the file's lock where none runs", async (t) => {
  const project = makeProject(t, {
    "d.ts": `import { defineDag } from "@millrace/sdk"; export default defineDag("d", {}, (dag) => { dag.task("t", () => 1); });`,
  });
  const none = await project.run(["db", "purge", "--older-than", "7d"]);
  assert.deepEqual([none.code, existsSync(project.home)], [1, false], "no server, no file: nothing is made");
  assert.match(none.err, /there is no database file/);
  const server = await project.start();
  assert.equal((await project.run(["dags", "trigger", "d", "--wait"])).code, 0);
  const through = await project.run(["db", "purge", "--older-than", "1h"]);
  assert.match(through.out, /^nothing is older than 1h$/m);
  assert.equal(await server.stop(), 0);
  const { default: Sqlite } = await import("better-sqlite3");
  const db = new Sqlite(join(project.home, "millrace.db"));
  db.prepare("UPDATE dag_run SET created_at = 1, ended_at = 2").run();
  db.close();
  assert.match((await project.run(["db", "purge", "--older-than", "7d", "--dry-run"])).out, /^WOULD GO +OF\n1 +dag_run$/m);
  assert.match((await project.run(["db", "purge", "--older-than", "7d"])).out, /^GONE +OF\n1 +dag_run$/m);
  assert.match((await project.run(["db", "purge", "--older-than", "5m"])).err, /at least an hour, like 12h or 7d, got '5m'/);
});
