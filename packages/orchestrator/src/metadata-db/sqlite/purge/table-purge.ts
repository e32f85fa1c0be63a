import type { PurgeCursor, PurgeReceipt, PurgeStep } from "../../../domain/retention.ts";

/** Takes one step through one table, within the transaction of a commit. */
export interface TablePurge {
  step(step: PurgeStep): PurgeReceipt;
}

/** Rows that one step looks at. */
export const STEP_ROWS = 500;
/** The commit of a step carries ingests and results as well: none of them waits longer for it. */
const STEP_MS = 2;
/** Ids grow with time; a server's clock may have been set back between two commits. */
const CLOCK_SLACK_MS = 60_000;

export interface WalkedRow {
  readonly id: number;
  readonly at: number;
}

/** Deletes what `take` lets go of, in order of id, until the rows are too young or the step's time is over. */
export function walkRows<Row extends WalkedRow>(rows: readonly Row[], { before }: PurgeStep, take: (row: Row) => boolean): PurgeReceipt {
  const end = performance.now() + STEP_MS;
  let purged = 0;
  let last: PurgeCursor | null = null;
  for (const row of rows) {
    if (row.at >= before + CLOCK_SLACK_MS) return { purged, next: null };
    if (row.at < before && take(row)) purged += 1;
    last = row.id;
    if (performance.now() > end) return { purged, next: last };
  }
  return { purged, next: rows.length < STEP_ROWS ? null : last };
}

/** The id that a walk is beyond. */
export function idAfter({ after }: PurgeStep): number {
  return typeof after === "number" ? after : -1;
}
