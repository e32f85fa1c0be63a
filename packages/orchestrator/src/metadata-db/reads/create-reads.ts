import type { Kysely } from "kysely";
import type { Reads } from "../../domain/reads.ts";
import type { Database } from "../../domain/tables.ts";
import { AssetEventQueries } from "./asset-event-queries.ts";
import { AssetQueries } from "./asset-queries.ts";
import { AuditQueries } from "./audit-queries.ts";
import { DagQueries } from "./dag-queries.ts";
import { DagRunQueries } from "./dag-run-queries.ts";
import { DagVersionQueries } from "./dag-version-queries.ts";
import { DeadLetterQueries } from "./dead-letter-queries.ts";
import { ImportErrorQueries } from "./import-error-queries.ts";
import { ProcessStatusQueries } from "./process-status-queries.ts";
import { QueuedEventQueries } from "./queued-event-queries.ts";
import { ReplayQueries } from "./replay-queries.ts";
import { RetentionQueries } from "./retention-queries.ts";
import { TaskInstanceQueries } from "./task-instance-queries.ts";
import { TaskLogQueries } from "./task-log-queries.ts";
import { WatcherQueries } from "./watcher-queries.ts";
import { XcomQueries } from "./xcom-queries.ts";

/** The reads over any Kysely of a metadata DB. */
export function createReads(db: Kysely<Database>): Reads {
  const versions = new DagVersionQueries(db);
  const dags = new DagQueries(db, versions);
  const dagRuns = new DagRunQueries(db, versions);
  const watchers = new WatcherQueries(db);
  return {
    dags,
    dagRuns,
    taskInstances: new TaskInstanceQueries(db, dagRuns),
    taskLogs: new TaskLogQueries(db),
    assets: new AssetQueries(db, dags, watchers),
    assetEvents: new AssetEventQueries(db, dagRuns, versions),
    importErrors: new ImportErrorQueries(db),
    deadLetters: new DeadLetterQueries(db),
    watchers,
    audit: new AuditQueries(db),
    replay: new ReplayQueries(db, versions),
    retention: new RetentionQueries(db),
    xcoms: new XcomQueries(db),
    processStatus: new ProcessStatusQueries(db),
    queuedEvents: new QueuedEventQueries(db),
  };
}
