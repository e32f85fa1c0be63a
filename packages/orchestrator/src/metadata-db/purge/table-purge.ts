import type { PurgeCursor, PurgeReceipt, PurgeStep } from "../../domain/retention.ts";
import { all, execute, type Script, type SqlValue } from "../sql-script.ts";

/** Takes one step through one table, within the transaction of a commit. */
export interface TablePurge {
  step(step: PurgeStep): Script<PurgeReceipt>;
}

/** How much of a commit's time a step may take. */
export interface PurgePace {
  /** Rows that are looked through and deleted by the same few statements. */
  readonly chunkRows: number;
  /** After it no other chunk is begun. */
  readonly stepMs: number;
}

/** Rows that one step looks at. */
export const STEP_ROWS = 500;
/** Ids grow with time; a server's clock may have been set back between two commits. */
const CLOCK_SLACK_MS = 60_000;

export interface WalkedRow {
  readonly id: number;
  readonly at: number;
}

/** Lets `take` delete of the old rows what may go, in order of id, until they are too young or the step's time is over. */
export function* walkRows<Row extends WalkedRow>(
  rows: readonly Row[],
  { before }: PurgeStep,
  { chunkRows, stepMs }: PurgePace,
  take: (rows: readonly Row[]) => Script<number>,
): Script<PurgeReceipt> {
  const end = performance.now() + stepMs;
  let purged = 0;
  for (let start = 0; start < rows.length; start += chunkRows) {
    const chunk = rows.slice(start, start + chunkRows);
    const young = chunk.findIndex(({ at }) => at >= before + CLOCK_SLACK_MS);
    const old = (young === -1 ? chunk : chunk.slice(0, young)).filter(({ at }) => at < before);
    if (old.length > 0) purged += yield* take(old);
    if (young !== -1) return { purged, next: null };
    if (start + chunkRows < rows.length && performance.now() > end) return { purged, next: chunk.at(-1)!.id };
  }
  return { purged, next: rows.length < STEP_ROWS ? null : rows.at(-1)!.id };
}

/** The id that a walk is beyond. */
export function idAfter({ after }: { readonly after: PurgeCursor | null }): number {
  return typeof after === "number" ? after : -1;
}

/**
 * Keys for the `IN (…)` of a statement that ends with `IN`: always as many as a chunk has rows, the last one repeated, so
 * that there is one text and not five hundred.
 */
function inList(sql: string, keys: readonly SqlValue[], { chunkRows }: PurgePace): [sql: string, ...keys: SqlValue[]] {
  const places = Array.from({ length: Math.max(chunkRows, keys.length) }, (_, n) => keys[Math.min(n, keys.length - 1)]!);
  return [`${sql} (${places.map(() => "?").join(", ")})`, ...places];
}

/** Which of the keys `sql` finds: it selects one column, named `key`, and ends with `IN`; `parameters` come before the keys. */
export function* findKeys(
  sql: string,
  keys: readonly number[],
  pace: PurgePace,
  ...parameters: readonly SqlValue[]
): Script<ReadonlySet<number>> {
  if (keys.length === 0) return new Set();
  const [text, ...places] = inList(sql, keys, pace);
  return new Set((yield* all<{ key: number }>(text, ...parameters, ...places)).map(({ key }) => key));
}

/** The rows of these keys, in their chunk. */
export function* deleteKeys(
  [table, column]: readonly [table: string, column: string],
  keys: readonly SqlValue[],
  pace: PurgePace,
): Script<void> {
  if (keys.length > 0) yield* execute(...inList(`DELETE FROM ${table} WHERE ${column} IN`, keys, pace));
}
