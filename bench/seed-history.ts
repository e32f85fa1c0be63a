import type { Database } from "better-sqlite3";

export interface HistoryOptions {
  readonly runs: number;
  /** Rows that they belong to. */
  readonly assetId: number;
  readonly dag: number;
  readonly versionId: number;
  /** UTC ms of all of them. */
  readonly at: number;
  readonly payload: Buffer;
}

/** Ended runs of one task each, with their event and a chunk of log, in a SQLite database whose server does not run. */
export function seedHistory(db: Database, { runs, assetId, dag, versionId, at, payload }: HistoryOptions): void {
  const first = (db.prepare("SELECT number FROM commit_counter").pluck().get() as number) + 1;
  const numbers = `WITH RECURSIVE c(n) AS (SELECT ${first} UNION ALL SELECT n + 1 FROM c WHERE n < ${first + runs - 1})`;
  const log = Buffer.from(`${JSON.stringify({ t: at, level: "info", msg: "took it" })}\n`);
  db.transaction(() => {
    const event = `INSERT INTO asset_event (id, asset_id, payload, created_at, decisions) SELECT n * 4096, ?, ?, ?, ? FROM c`;
    const run = `INSERT INTO dag_run (id, dag, version_id, state, run_type, event_id, owner_id, created_at, started_at, ended_at)
      SELECT n * 4096 + 1, ?, ?, 10, 0, n * 4096, 1, ?, ?, ? FROM c`;
    const task = `INSERT INTO task_instance (run_id, task_index, map_index, state, try, value) SELECT n * 4096 + 1, 0, -1, 10, 1, '1' FROM c`;
    db.prepare(`${numbers} ${event}`).run(assetId, payload, at, JSON.stringify([[versionId, 1, 1]]));
    db.prepare(`${numbers} ${run}`).run(dag, versionId, at, at, at);
    db.prepare(`${numbers} ${task}`).run();
    db.prepare(`${numbers} INSERT INTO task_log SELECT n * 4096 + 1, 0, -1, 1, 0, ? FROM c`).run(log);
    db.prepare("UPDATE commit_counter SET number = ?").run(first + runs + 1);
  })();
  db.pragma("wal_checkpoint(TRUNCATE)");
}
