import type { Database, Statement } from "better-sqlite3";
import type { PurgeReceipt, PurgeStep } from "../../../domain/retention.ts";
import { STEP_ROWS, type TablePurge } from "./table-purge.ts";

/** Identities of messages, in order of their hash: an index by time would cost every ingest. */
export class SeenPurge implements TablePurge {
  readonly #select: Statement;
  readonly #delete: Statement;

  constructor(db: Database) {
    this.#select = db.prepare("SELECT hash, at FROM message_seen WHERE hash > ? ORDER BY hash LIMIT ?");
    this.#delete = db.prepare("DELETE FROM message_seen WHERE hash = ?");
  }

  step({ after, before, isDryRun }: PurgeStep): PurgeReceipt {
    const rows = this.#select.all(after ?? new Uint8Array(), STEP_ROWS) as { hash: Uint8Array; at: number }[];
    const old = rows.filter(({ at }) => at < before);
    if (!isDryRun) for (const { hash } of old) this.#delete.run(hash);
    return { purged: old.length, next: rows.length < STEP_ROWS ? null : rows.at(-1)!.hash };
  }
}
