import type { PurgeReceipt, PurgeStep } from "../../domain/retention.ts";
import { all, first, type Script } from "../sql-script.ts";
import { idAfter, STEP_ROWS, type TablePurge } from "./table-purge.ts";

const MINUTE_MS = 60_000;

const NEXT_TRIGGER = "SELECT min(trigger_id) AS id FROM ingest_count WHERE trigger_id > ?";
const COUNT = "SELECT count(*) AS n FROM ingest_count WHERE trigger_id = ? AND minute < ?";
const SELECT = "SELECT minute FROM ingest_count WHERE trigger_id = ? AND minute < ? ORDER BY minute LIMIT ?";
const DELETE = "DELETE FROM ingest_count WHERE trigger_id = ? AND minute <= ? RETURNING minute";

/** Counts of what made no event, trigger by trigger. */
export class CountPurge implements TablePurge {
  *step(step: PurgeStep): Script<PurgeReceipt> {
    const trigger = (yield* first<{ id: number | null }>(NEXT_TRIGGER, idAfter(step)))?.id ?? null;
    if (trigger === null) return { purged: 0, next: null };
    const before = Math.floor(Math.max(0, step.before) / MINUTE_MS);
    // Counted whole, deleted in parts.
    if (step.isDryRun) return { purged: (yield* first<{ n: number }>(COUNT, trigger, before))!.n, next: trigger };
    const minutes = yield* all<{ minute: number }>(SELECT, trigger, before, STEP_ROWS);
    const last = minutes.at(-1);
    if (last === undefined) return { purged: 0, next: trigger };
    const { length: purged } = yield* all(DELETE, trigger, last.minute);
    return { purged, next: minutes.length === STEP_ROWS ? trigger - 1 : trigger };
  }
}
