import type { PurgedTable, PurgeReceipt, PurgeStep } from "../../domain/retention.ts";
import type { Script, SqlRunner } from "../sql-script.ts";
import { CountPurge } from "./count-purge.ts";
import { EventPurge } from "./event-purge.ts";
import { RowPurge } from "./row-purge.ts";
import { RunPurge } from "./run-purge.ts";
import { SeenPurge } from "./seen-purge.ts";
import { type PurgePace, STEP_ROWS, type TablePurge } from "./table-purge.ts";
import { TokenPurge } from "./token-purge.ts";
import { VersionPurge } from "./version-purge.ts";

/** Where a commit is made by the thread that runs everything else: none of what it carries waits longer for a purge. */
export const BLOCKING_PACE: PurgePace = { chunkRows: 16, stepMs: 2 };
/** Where each statement is a round trip: a step is one chunk. */
export const REMOTE_PACE: PurgePace = { chunkRows: STEP_ROWS, stepMs: 0 };

/** Deletes what retention lets go of, a step at a time, within the transaction of a commit. */
export class PurgeWriter {
  readonly #tables: Readonly<Record<PurgedTable, TablePurge>>;

  /** `hasBundles`: bundles are rows of this database, and no files. */
  constructor(runner: Pick<SqlRunner, "indexedBy">, pace: PurgePace, hasBundles: boolean) {
    this.#tables = {
      dag_run: new RunPurge(pace, runner.indexedBy("dag_run_by_dag")),
      asset_event: new EventPurge(pace, runner.indexedBy("dag_run_active")),
      dead_letter: new RowPurge(pace, "dead_letter", "created_at"),
      message_seen: new SeenPurge(pace),
      ingest_count: new CountPurge(),
      api_token: new TokenPurge(),
      audit_log: new RowPurge(pace, "audit_log", "at"),
      dag_version: new VersionPurge(pace, runner.indexedBy("dag_run_by_dag"), hasBundles),
    };
  }

  step(step: PurgeStep): Script<PurgeReceipt> {
    return this.#tables[step.table].step(step);
  }
}
