import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import { sqliteFileOf } from "../../config/database-url.ts";
import { systemClock } from "../../domain/clock.ts";
import type { PurgeReport, PurgeRequest } from "../../domain/retention.ts";
import { GroupCommitter } from "../../metadata-db/committer.ts";
import { openSqliteReader } from "../../metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { SqliteBatchWriter } from "../../metadata-db/sqlite/sqlite-batch-writer.ts";
import { Retention } from "../../retention/retention.ts";
import { createLog } from "../../telemetry/log.ts";
import { withDatabaseFile } from "./with-database-file.ts";

/** Nothing that a purge writes belongs to a process. */
const NO_PROCESS = 0;

/** Where no server runs. @throws {MillraceError} DB_LOCKED, DB_UNREADABLE, DB_NEWER */
export async function purgeDatabaseFile(config: Config, request: PurgeRequest): Promise<PurgeReport> {
  const log = createLog({ level: config.logLevel, format: config.logFormat });
  const file = sqliteFileOf(config.database, "a purge without a server");
  return withDatabaseFile(file, async (db) => {
    const listener = { onRuns: () => undefined, onInbox: () => undefined, onOutbox: () => undefined };
    const committer = new GroupCommitter({ writer: new SqliteBatchWriter(db, NO_PROCESS), clock: systemClock, log, listener });
    const reader = await openSqliteReader(file);
    const { retentionMs, retentionRows } = config;
    const parts = { committer, reads: reader.reads.retention, clock: systemClock, log, bundlesFolder: join(config.home, "bundles") };
    const retention = new Retention({ ...parts, retentionMs, retentionRows, pauseMs: 0 });
    try {
      return await retention.purge(request, Number.POSITIVE_INFINITY);
    } finally {
      await reader.close();
    }
  });
}
