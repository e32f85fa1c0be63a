import type { Database, Statement } from "better-sqlite3";
import type { PurgeReceipt, PurgeStep } from "../../../domain/retention.ts";
import { idAfter, STEP_ROWS, type TablePurge, walkRows, type WalkedRow } from "./table-purge.ts";

/** Two clock readings a day apart are in the order of their commits. */
const DAY_MS = 86_400_000;

type Row = WalkedRow & { readonly dag: number; readonly retired_at: number | null };

/** Dag versions that were replaced before the oldest event that is kept, and of which no run is kept. */
export class VersionPurge implements TablePurge {
  readonly #select: Statement;
  readonly #oldestEvent: Statement;
  readonly #firstRunSince: Statement;
  readonly #hasRun: Statement;
  readonly #isCurrent: Statement;
  readonly #delete: Statement;

  constructor(db: Database) {
    this.#select = db.prepare("SELECT id, created_at AS at, dag, retired_at FROM dag_version WHERE id > ? ORDER BY id LIMIT ?");
    this.#oldestEvent = db.prepare("SELECT created_at FROM asset_event ORDER BY id LIMIT 1").pluck();
    this.#firstRunSince = db
      .prepare("SELECT id FROM dag_run INDEXED BY dag_run_by_dag WHERE dag = ? AND created_at >= ? ORDER BY id LIMIT 1")
      .pluck();
    this.#hasRun = db.prepare("SELECT 1 FROM dag_run INDEXED BY dag_run_by_dag WHERE dag = ? AND id < ? AND version_id = ? LIMIT 1");
    this.#isCurrent = db.prepare("SELECT 1 FROM dag WHERE id = ? AND version_id = ?");
    this.#delete = db.prepare("DELETE FROM dag_version WHERE id = ?");
  }

  step(step: PurgeStep): PurgeReceipt {
    const before = (step.isDryRun ? step.before : Math.min(step.before, this.#oldestAt())) - DAY_MS;
    const rows = this.#select.all(idAfter(step), STEP_ROWS) as Row[];
    return walkRows(rows, step, ({ id, dag, retired_at: retiredAt }) => {
      if (retiredAt === null || retiredAt >= before) return false;
      // Counted as if the runs and events before it had gone.
      if (step.isDryRun) return true;
      if (this.#isCurrent.get(dag, id) !== undefined || this.#isInUse(dag, id, step.before)) return false;
      return this.#delete.run(id).changes === 1;
    });
  }

  #oldestAt(): number {
    return (this.#oldestEvent.get() as number | undefined) ?? Number.POSITIVE_INFINITY;
  }

  /** Runs that came after it was replaced are of others, so only the few that the purge has spared are looked through. */
  #isInUse(dag: number, versionId: number, before: number): boolean {
    const bound = (this.#firstRunSince.get(dag, before) as number | undefined) ?? Number.MAX_SAFE_INTEGER;
    return this.#hasRun.get(dag, bound, versionId) !== undefined;
  }
}
