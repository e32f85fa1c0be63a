import type { Database } from "better-sqlite3";
import type { PurgedTable, PurgeReceipt, PurgeStep } from "../../../domain/retention.ts";
import { CountPurge } from "./count-purge.ts";
import { EventPurge } from "./event-purge.ts";
import { RowPurge } from "./row-purge.ts";
import { RunPurge } from "./run-purge.ts";
import { SeenPurge } from "./seen-purge.ts";
import type { TablePurge } from "./table-purge.ts";
import { TokenPurge } from "./token-purge.ts";
import { VersionPurge } from "./version-purge.ts";

/** Deletes what retention lets go of, a step at a time. */
export class PurgeWriter {
  readonly #tables: Readonly<Record<PurgedTable, TablePurge>>;

  constructor(db: Database) {
    this.#tables = {
      dag_run: new RunPurge(db),
      asset_event: new EventPurge(db),
      dead_letter: new RowPurge(db, "dead_letter", "created_at"),
      message_seen: new SeenPurge(db),
      ingest_count: new CountPurge(db),
      api_token: new TokenPurge(db),
      audit_log: new RowPurge(db, "audit_log", "at"),
      dag_version: new VersionPurge(db),
    };
  }

  step(step: PurgeStep): PurgeReceipt {
    return this.#tables[step.table].step(step);
  }
}
