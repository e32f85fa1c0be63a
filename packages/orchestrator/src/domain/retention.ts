import type { Retention } from "./dag-snapshot.ts";

/** What the purge goes through, in this order. Rows of a run or an event go with it: its tasks, logs, outbox messages, decisions. */
export const PURGED_TABLES = [
  "dag_run",
  "asset_event",
  "dead_letter",
  "message_seen",
  "ingest_count",
  "api_token",
  "audit_log",
  "dag_version",
] as const;
export type PurgedTable = (typeof PURGED_TABLES)[number];

/** Where the next step goes on: an id, or the key of a table that has none. */
export type PurgeCursor = number | Uint8Array;

/** A few milliseconds' worth of rows. */
export interface PurgeStep {
  readonly table: PurgedTable;
  /** Of `dag_run`, which goes DAG by DAG: whose runs. */
  readonly dag: number | null;
  /** Of `dag_version`: DAGs whose runs are kept longer than `before` says. */
  readonly keptLonger: readonly number[];
  /** UTC ms: what is older may go, unless it is active or something waits for it. */
  readonly before: number;
  /** null: from the start. */
  readonly after: PurgeCursor | null;
  /** Counts, and deletes nothing. */
  readonly isDryRun: boolean;
}

export interface PurgeReceipt {
  /** Rows of the step's own table. */
  readonly purged: number;
  /** null: the table was gone through. */
  readonly next: PurgeCursor | null;
}

export interface PurgeRequest {
  /** What is older goes. */
  readonly olderThanMs: number;
  readonly isDryRun: boolean;
}

export interface PurgeReport {
  readonly counts: Readonly<Record<PurgedTable, number>>;
  readonly bundles: number;
  /** false: its time was over before all had gone; the next one goes on. */
  readonly isDone: boolean;
}

/** A DAG, and how long its runs are kept, where it says so itself. */
export interface DagRetention {
  readonly dag: number;
  readonly retention: Retention | null;
}

export interface RetentionReads {
  /** Every DAG that there are runs of, or may be. */
  dags(): Promise<readonly DagRetention[]>;
  /** When the newest of the rows above `keep` was created; null where there are not so many. */
  overflow(table: "dag_run" | "asset_event" | "dead_letter", keep: number): Promise<number | null>;
  /** Of all that may still be run. */
  bundleHashes(): Promise<ReadonlySet<string>>;
}
