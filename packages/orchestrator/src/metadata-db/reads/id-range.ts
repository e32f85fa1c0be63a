import { type Kysely, sql } from "kysely";
import type { TimeRange } from "../../domain/reads.ts";
import type { Database } from "../../domain/tables.ts";

/** Ids from `from` to `before`, exclusive. `isAll`: no bound was asked for, and a count is quicker without one (1 ms, not 100, for a million rows). */
export interface IdRange {
  readonly from: number;
  readonly before: number;
  readonly isAll: boolean;
}

// A server's clock may have been set back between two commits; rows this far out of order are still found.
const CLOCK_SLACK_MS = 60_000;

type TimedTable = "asset_event" | "dag_run" | "dead_letter";

/**
 * A range of ids that holds every row created in `range`. Ids grow with time, so the bounds are found by
 * halving, with about 50 look-ups of the primary key, where an index on created_at would cost every insert.
 */
export async function findIdRange(db: Kysely<Database>, table: TimedTable, range: TimeRange | undefined): Promise<IdRange> {
  const from = range?.from === undefined ? 0 : await firstCreatedSince(db, table, range.from - CLOCK_SLACK_MS);
  const before = range?.before === undefined ? Number.MAX_SAFE_INTEGER : await firstCreatedSince(db, table, range.before + CLOCK_SLACK_MS);
  return { from, before, isAll: range?.from === undefined && range?.before === undefined };
}

async function firstCreatedSince(db: Kysely<Database>, table: TimedTable, at: number): Promise<number> {
  const newest = await db.selectFrom(table).select(["id"]).where("id", ">=", 0).orderBy("id", "desc").limit(1).executeTakeFirst();
  let low = 0;
  let high = (newest?.id ?? 0) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = await rowAtOrAfter(db, table, middle);
    // Nothing lies between `middle` and the row found, so a row that is too old moves the bound beyond itself.
    if (row === undefined || row.created_at >= at) high = middle;
    else low = row.id + 1;
  }
  return low;
}

async function rowAtOrAfter(db: Kysely<Database>, table: TimedTable, id: number): Promise<{ id: number; created_at: number } | undefined> {
  const found = await sql<{
    id: number;
    created_at: number;
  }>`select id, created_at from ${sql.table(table)} where id >= ${id} order by id limit 1`.execute(db);
  return found.rows[0];
}
