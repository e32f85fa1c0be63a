import type { Database, Statement } from "better-sqlite3";
import type { PurgeReceipt, PurgeStep } from "../../../domain/retention.ts";
import { ACTIVE_LIMIT } from "../../../domain/states.ts";
import { idAfter, STEP_ROWS, type TablePurge, walkRows, type WalkedRow } from "./table-purge.ts";

/**
 * Asset events with their decisions. One that waits in an inbox stays, as does one that was decided lately, and one that an
 * active run was started with.
 */
export class EventPurge implements TablePurge {
  readonly #select: Statement;
  readonly #isWaiting: Statement;
  readonly #decidedAt: Statement;
  readonly #selectDags: Statement;
  readonly #selectActive: Statement;
  readonly #deletes: readonly Statement[];
  #ofActiveRuns: ReadonlySet<number> = new Set();

  constructor(db: Database) {
    this.#select = db.prepare("SELECT id, created_at AS at FROM asset_event WHERE id > ? ORDER BY id LIMIT ?");
    this.#isWaiting = db.prepare("SELECT 1 FROM pattern_event WHERE event_id = ? LIMIT 1");
    this.#decidedAt = db.prepare("SELECT max(at) FROM event_decision WHERE event_id = ?").pluck();
    this.#selectDags = db.prepare("SELECT id FROM dag").pluck();
    this.#selectActive = db
      .prepare(
        `SELECT coalesce(r.event_id, e.event_id) FROM dag_run r INDEXED BY dag_run_active LEFT JOIN dag_run_event e ON e.run_id = r.id
         WHERE r.state < ${ACTIVE_LIMIT} AND r.dag = ? AND r.created_at < ?`,
      )
      .pluck();
    this.#deletes = ["DELETE FROM event_decision WHERE event_id = ?", "DELETE FROM asset_event WHERE id = ?"].map((sql) => db.prepare(sql));
  }

  step(step: PurgeStep): PurgeReceipt {
    if (step.after === null) this.#ofActiveRuns = this.#readActive(step.before);
    const rows = this.#select.all(idAfter(step), STEP_ROWS) as WalkedRow[];
    return walkRows(rows, step, ({ id }) => {
      if (this.#ofActiveRuns.has(id) || this.#isWaiting.get(id) !== undefined) return false;
      if (((this.#decidedAt.get(id) as number | null) ?? 0) >= step.before) return false;
      if (!step.isDryRun) for (const statement of this.#deletes) statement.run(id);
      return true;
    });
  }

  /** Of the runs that are as old as what goes: a younger one's event was made, or decided, with it. */
  #readActive(before: number): ReadonlySet<number> {
    const dags = this.#selectDags.all() as number[];
    return new Set(dags.flatMap((dag) => this.#selectActive.all(dag, before) as number[]));
  }
}
