import type { Database, Statement } from "better-sqlite3";
import type { PurgeReceipt, PurgeStep } from "../../../domain/retention.ts";
import { idAfter, STEP_ROWS, type TablePurge, walkRows, type WalkedRow } from "./table-purge.ts";

/** Rows that nothing refers to, in order of id. */
export class RowPurge implements TablePurge {
  readonly #select: Statement;
  readonly #delete: Statement;

  constructor(db: Database, table: "dead_letter" | "audit_log", timeColumn: "created_at" | "at") {
    this.#select = db.prepare(`SELECT id, ${timeColumn} AS at FROM ${table} WHERE id > ? ORDER BY id LIMIT ?`);
    this.#delete = db.prepare(`DELETE FROM ${table} WHERE id = ?`);
  }

  step(step: PurgeStep): PurgeReceipt {
    const rows = this.#select.all(idAfter(step), STEP_ROWS) as WalkedRow[];
    return walkRows(rows, step, ({ id }) => step.isDryRun || this.#delete.run(id).changes === 1);
  }
}
