import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Database } from "better-sqlite3";
import type { DagSnapshot, TaskSnapshot } from "../src/domain/dag-snapshot.ts";
import { openDatabase } from "../src/metadata-db/sqlite/open-database.ts";

/** Noon, so that a day's filters have room on both sides. */
export const SEEDED_AT = Date.parse("2026-11-21T12:00:00.000Z");

/** Ids of what the seed holds; names say what is special about a row. */
export const SEED = {
  readings: 1,
  alerts: 2,
  trigger: 9,
  evaluate: 11,
  byHand: 12,
  gone: 13,
  // Commit 2: three messages, two of them hot, one filtered out.
  hotEvent: 8192,
  hotRun: 8193,
  coldEvent: 8194,
  failingEvent: 8195,
  failedRun: 8196,
  // Commit 3: the outlet event of the hot run, and two runs that are not over.
  alertEvent: 12_288,
  runningEvent: 12_289,
  runningRun: 12_290,
  queuedEvent: 12_291,
  queuedRun: 12_292,
  manualRun: 16_384,
  deadLetter: 20_480,
} as const;

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

function task(id: string, more: Partial<TaskSnapshot> = {}): TaskSnapshot {
  const retry = { retries: 1, retryDelayMs: 10_000, timeoutMs: 60_000 };
  return { id, needs: [], after: [], ...retry, isolation: "shared", outlets: [], inlets: [], ...more };
}

const EVALUATE: DagSnapshot = {
  dagId: "evaluate_reading",
  description: "Alerts on hot readings",
  tags: ["iot"],
  schedule: {
    kind: "each",
    text: 'each(readings, { where: "payload.celsius > 80.0" })',
    sources: [{ asset: "readings", where: "payload.celsius > 80.0" }],
  },
  maxActiveRuns: null,
  paramsSchema: null,
  tasks: [task("score"), task("alert", { needs: [{ name: "score", task: 0 }], outlets: ["alerts"] })],
  resultTask: 1,
};

const BY_HAND: DagSnapshot = {
  dagId: "by_hand",
  description: null,
  tags: [],
  schedule: { kind: "none", text: "none: runs by hand" },
  maxActiveRuns: null,
  paramsSchema: { type: "object", properties: { day: { type: "string", default: "today" } } },
  tasks: [task("load", { inlets: ["alerts"], retries: 0, timeoutMs: null })],
  resultTask: null,
};

export interface SeededDatabase {
  readonly file: string;
  /** The writer's connection. */
  readonly db: Database;
}

/** A migrated database in a folder of its own with one of each thing people look up; gone after the test. */
export function seedDatabase(t: Pick<TestContext, "after">): SeededDatabase {
  const folder = mkdtempSync(join(tmpdir(), "millrace-seeded-"));
  const file = join(folder, "millrace.db");
  const db = openDatabase(file);
  t.after(() => {
    db.close();
    rmSync(folder, { recursive: true, force: true });
  });
  db.transaction(() => {
    seedDefinitions(db);
    seedEvents(db);
    seedRuns(db);
    seedTasks(db);
    seedTrouble(db);
    // What is committed from here on is newer than the seed.
    db.prepare("UPDATE commit_counter SET number = 100").run();
  })();
  return { file, db };
}

function seedDefinitions(db: Database): void {
  const asset = db.prepare("INSERT INTO asset VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)");
  asset.run(
    SEED.readings,
    "readings",
    "kafka://readings",
    "asset",
    "What sensors say",
    json({ team: "iot" }),
    json({ type: "object" }),
    SEEDED_AT,
    SEEDED_AT,
  );
  asset.run(SEED.alerts, "alerts", null, null, null, json({}), null, SEEDED_AT, SEEDED_AT);
  const params = json({ topics: ["readings"] });
  db.prepare("INSERT INTO trigger VALUES (?, 'kafka', 'kafka_default', '{}', ?, ?)").run(SEED.trigger, params, SEEDED_AT);
  db.prepare(
    "INSERT INTO asset_watcher (id, asset_id, name, unwrap, payload, is_stale, created_at) VALUES (1, ?, 'kafka_watcher', ?, NULL, 0, ?)",
  ).run(SEED.readings, json([]), SEEDED_AT);
  db.prepare("INSERT INTO watcher_trigger VALUES (1, 1, ?, 'millrace.x.1', 0)").run(SEED.trigger);
  db.prepare("INSERT INTO source VALUES (1, 'cluster/readings')").run();
  const dag = db.prepare("INSERT INTO dag VALUES (?, ?, ?, ?, 0, ?, 1, ?, ?)");
  dag.run(SEED.evaluate, "evaluate_reading", "iot/evaluate.ts", 112, 0, SEEDED_AT, SEEDED_AT + 500);
  dag.run(SEED.byHand, "by_hand", "by-hand.ts", 120, 0, SEEDED_AT, SEEDED_AT);
  dag.run(SEED.gone, "gone", "gone.ts", 130, 1, SEEDED_AT, SEEDED_AT);
  const version = db.prepare("INSERT INTO dag_version VALUES (?, ?, ?, ?, 'b', ?, ?, ?, NULL)");
  version.run(111, SEED.evaluate, 1, "h1", "/dags/iot/evaluate.ts", json({ ...EVALUATE, tasks: [task("score")] }), SEEDED_AT - 1000);
  version.run(112, SEED.evaluate, 2, "h2", "/dags/iot/evaluate.ts", json(EVALUATE), SEEDED_AT);
  version.run(120, SEED.byHand, 1, "h3", "/dags/by-hand.ts", json(BY_HAND), SEEDED_AT);
  version.run(130, SEED.gone, 1, "h4", "/dags/gone.ts", json({ ...BY_HAND, dagId: "gone" }), SEEDED_AT);
}

function seedEvents(db: Database): void {
  const insert = db.prepare(`INSERT INTO asset_event
    (id, asset_id, trigger_id, source_id, partition, message_offset, run_id, task_index, map_index, payload, message_key, headers, extra, sent_at, created_at, decisions)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)`);
  const message = (id: number, offset: number, at: number, celsius: number, decision: unknown[]): void => {
    const headers = json([["unit", "celsius"]]);
    const body = [json({ sensor: "s1", celsius }), Buffer.from("s1"), headers, SEEDED_AT + at - 5, SEEDED_AT + at, json([decision])];
    insert.run(id, SEED.readings, SEED.trigger, 1, "0", offset, null, null, null, ...body);
  };
  message(SEED.hotEvent, 100, 1000, 90, [112, 1, 1]);
  message(SEED.coldEvent, 101, 1000, 20, [112, 3, null, "payload.celsius > 80.0 is false"]);
  message(SEED.failingEvent, 102, 1000, 95, [112, 1, 4]);
  const outlet = [SEED.hotRun, 1, -1, json({ score: 0.95 }), null, null, null, SEEDED_AT + 2000, json([[0, 6, null]])];
  insert.run(SEED.alertEvent, SEED.alerts, null, null, null, null, ...outlet);
  message(SEED.runningEvent, 103, 2000, 91, [112, 1, 2]);
  message(SEED.queuedEvent, 104, 2000, 92, [112, 1, 4]);
}

function seedRuns(db: Database): void {
  const insert = db.prepare(`INSERT INTO dag_run
    (id, dag, version_id, state, run_type, event_id, trigger_id, owner_id, params, custom_run_id, created_at, started_at, ended_at, error)
    VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?)`);
  const triggered = (
    id: number,
    state: number,
    event: number,
    at: number,
    times: [number | null, number | null],
    error: string | null,
  ): void => {
    insert.run(id, SEED.evaluate, 112, state, 0, event, SEED.trigger, null, null, SEEDED_AT + at, ...times, error);
  };
  triggered(SEED.hotRun, 10, SEED.hotEvent, 1000, [SEEDED_AT + 1002, SEEDED_AT + 2000], null);
  triggered(SEED.failedRun, 11, SEED.failingEvent, 1000, [SEEDED_AT + 1002, SEEDED_AT + 1500], null);
  triggered(SEED.runningRun, 1, SEED.runningEvent, 2000, [SEEDED_AT + 2001, null], null);
  triggered(SEED.queuedRun, 0, SEED.queuedEvent, 2000, [null, null], null);
  const params = json({ day: "monday" });
  insert.run(
    SEED.manualRun,
    SEED.byHand,
    120,
    10,
    2,
    null,
    null,
    params,
    "my-run",
    SEEDED_AT + 3000,
    SEEDED_AT + 3001,
    SEEDED_AT + 3100,
    null,
  );
}

function seedTasks(db: Database): void {
  const insert = db.prepare("INSERT INTO task_instance VALUES (?, ?, -1, ?, ?, ?, ?, ?, NULL, ?, ?, 0)");
  const noModel = json({ name: "Error", message: "no model", stack: "Error: no model\n    at score (/dags/iot/evaluate.ts:7:9)" });
  const at = (ms: number): number => SEEDED_AT + ms;
  insert.run(SEED.hotRun, 0, 10, 1, at(1001), at(1002), at(1302), json(0.95), null);
  insert.run(SEED.hotRun, 1, 10, 1, at(1302), at(1303), at(2000), null, null);
  insert.run(SEED.failedRun, 0, 11, 2, at(1001), at(1202), at(1500), null, noModel);
  insert.run(SEED.failedRun, 1, 12, 0, null, null, at(1500), null, null);
  insert.run(SEED.runningRun, 0, 10, 1, at(2001), at(2002), at(2300), json(0.5), null);
  insert.run(SEED.manualRun, 0, 10, 1, at(3000), at(3001), at(3100), json({ rows: 3 }), null);
  db.prepare("INSERT INTO task_try VALUES (?, 0, -1, 1, 11, ?, ?, ?)").run(SEED.failedRun, at(1002), at(1100), noModel);
  const log = db.prepare("INSERT INTO task_log VALUES (?, 0, -1, ?, ?, ?)");
  const lines = (...messages: string[]): Buffer =>
    Buffer.from(messages.map((msg, i) => `${JSON.stringify({ t: at(1002) + i, level: "info", msg, fields: { n: i } })}\n`).join(""));
  log.run(SEED.hotRun, 1, 0, lines("loading the model", "scored"));
  log.run(SEED.hotRun, 1, 1, lines("done"));
  log.run(SEED.failedRun, 1, 0, lines("first try"));
  log.run(SEED.failedRun, 2, 0, lines("second try"));
}

function seedTrouble(db: Database): void {
  const letter = db.prepare(`INSERT INTO dead_letter
    (id, asset_id, trigger_id, source_id, partition, message_offset, value, message_key, headers, reason_code, reason, created_at)
    VALUES (?, ?, ?, 1, '0', 105, ?, NULL, NULL, 'BAD_PAYLOAD', ?, ?)`);
  letter.run(SEED.deadLetter, SEED.readings, SEED.trigger, Buffer.from("not json"), "expected JSON, got 'not json'", SEEDED_AT + 4000);
  const error = ["broken.ts", "SYNTAX", "expected ')', got '}'", 3, 7, "see line 3", "", SEEDED_AT];
  db.prepare("INSERT INTO import_error VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)").run(...error);
}
