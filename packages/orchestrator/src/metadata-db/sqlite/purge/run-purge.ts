import type { Database, Statement } from "better-sqlite3";
import type { PurgeReceipt, PurgeStep } from "../../../domain/retention.ts";
import { ACTIVE_LIMIT } from "../../../domain/states.ts";
import { idAfter, STEP_ROWS, type TablePurge, walkRows, type WalkedRow } from "./table-purge.ts";

type Row = WalkedRow & { readonly state: number; readonly ended_at: number | null };

const OF_RUN = ["task_instance", "task_try", "xcom", "task_log", "dag_run_event", "outbox_message"];

/** Runs that ended, with all that is theirs. One that is active stays, as does one with a message that is still to be sent. */
export class RunPurge implements TablePurge {
  readonly #select: Statement;
  readonly #isPending: Statement;
  readonly #deletes: readonly Statement[];

  constructor(db: Database) {
    this.#select = db.prepare("SELECT id, created_at AS at, state, ended_at FROM dag_run WHERE id > ? ORDER BY id LIMIT ?");
    this.#isPending = db.prepare(`SELECT 1 FROM outbox_message WHERE run_id = ? AND state < ${ACTIVE_LIMIT} LIMIT 1`);
    const deletes = OF_RUN.map((table) => db.prepare(`DELETE FROM ${table} WHERE run_id = ?`));
    this.#deletes = [...deletes, db.prepare("DELETE FROM dag_run WHERE id = ?")];
  }

  step(step: PurgeStep): PurgeReceipt {
    const rows = this.#select.all(idAfter(step), STEP_ROWS) as Row[];
    return walkRows(rows, step, ({ id, state, ended_at: endedAt }) => {
      if (state < ACTIVE_LIMIT || (endedAt ?? 0) >= step.before || this.#isPending.get(id) !== undefined) return false;
      if (!step.isDryRun) for (const statement of this.#deletes) statement.run(id);
      return true;
    });
  }
}
