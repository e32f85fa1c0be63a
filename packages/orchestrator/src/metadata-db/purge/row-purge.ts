import type { PurgeReceipt, PurgeStep } from "../../domain/retention.ts";
import { all, type Script } from "../sql-script.ts";
import { deleteKeys, idAfter, type PurgePace, STEP_ROWS, type TablePurge, walkRows, type WalkedRow } from "./table-purge.ts";

/** Rows that nothing refers to, in order of id. */
export class RowPurge implements TablePurge {
  readonly #pace: PurgePace;
  readonly #table: string;
  readonly #select: string;

  constructor(pace: PurgePace, table: "dead_letter" | "audit_log", timeColumn: "created_at" | "at") {
    this.#pace = pace;
    this.#table = table;
    this.#select = `SELECT id, ${timeColumn} AS at FROM ${table} WHERE id > ? ORDER BY id LIMIT ?`;
  }

  *step(step: PurgeStep): Script<PurgeReceipt> {
    const rows = yield* all<WalkedRow>(this.#select, idAfter(step), STEP_ROWS);
    return yield* walkRows(rows, step, this.#pace, (chunk) => this.#take(chunk, step));
  }

  *#take(rows: readonly WalkedRow[], { isDryRun }: PurgeStep): Script<number> {
    const ids = rows.map(({ id }) => id);
    if (!isDryRun) yield* deleteKeys([this.#table, "id"], ids, this.#pace);
    return ids.length;
  }
}
