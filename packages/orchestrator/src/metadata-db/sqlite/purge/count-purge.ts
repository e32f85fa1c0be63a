import type { Database, Statement } from "better-sqlite3";
import type { PurgeReceipt, PurgeStep } from "../../../domain/retention.ts";
import { idAfter, STEP_ROWS, type TablePurge } from "./table-purge.ts";

const MINUTE_MS = 60_000;

/** Counts of what made no event, trigger by trigger. */
export class CountPurge implements TablePurge {
  readonly #nextTrigger: Statement;
  readonly #select: Statement;
  readonly #delete: Statement;

  constructor(db: Database) {
    this.#nextTrigger = db.prepare("SELECT min(trigger_id) FROM ingest_count WHERE trigger_id > ?").pluck();
    this.#select = db.prepare("SELECT minute, reason FROM ingest_count WHERE trigger_id = ? AND minute < ? ORDER BY minute LIMIT ?");
    this.#delete = db.prepare("DELETE FROM ingest_count WHERE trigger_id = ? AND minute = ? AND reason = ?");
  }

  step(step: PurgeStep): PurgeReceipt {
    const trigger = this.#nextTrigger.get(idAfter(step)) as number | null;
    if (trigger === null) return { purged: 0, next: null };
    // Counted whole, deleted in parts.
    const limit = step.isDryRun ? -1 : STEP_ROWS;
    const rows = this.#select.all(trigger, minuteOf(step.before), limit) as { minute: number; reason: string }[];
    if (!step.isDryRun) for (const { minute, reason } of rows) this.#delete.run(trigger, minute, reason);
    return { purged: rows.length, next: rows.length === STEP_ROWS && !step.isDryRun ? trigger - 1 : trigger };
  }
}

function minuteOf(at: number): number {
  return Math.floor(Math.max(0, at) / MINUTE_MS);
}
