import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import { systemClock } from "../../domain/clock.ts";
import type { Committer } from "../../domain/committer.ts";
import type { Log } from "../../domain/log.ts";
import type { PurgeReport, PurgeRequest, RetentionReads } from "../../domain/retention.ts";
import { GroupCommitter } from "../../metadata-db/committer.ts";
import { openPostgres } from "../../metadata-db/postgres/open-postgres.ts";
import { openPostgresReader } from "../../metadata-db/postgres/open-postgres-reader.ts";
import { PostgresRunner } from "../../metadata-db/postgres/postgres-runner.ts";
import { PurgeWriter, REMOTE_PACE } from "../../metadata-db/purge/purge-writer.ts";
import { openSqliteReader } from "../../metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { SqliteBatchWriter } from "../../metadata-db/sqlite/sqlite-batch-writer.ts";
import { Retention } from "../../retention/retention.ts";
import { createLog } from "../../telemetry/log.ts";
import { withDatabaseFile } from "./with-database-file.ts";

/** Nothing that a purge writes belongs to a process. */
const NO_PROCESS = 0;

interface Purge {
  readonly config: Config;
  readonly request: PurgeRequest;
  readonly log: Log;
}

/** Without a server. @throws {MillraceError} DB_LOCKED, DB_UNREADABLE, DB_NEWER, DB_UNREACHABLE, DB_REFUSED */
export async function purgeDatabase(config: Config, request: PurgeRequest): Promise<PurgeReport> {
  const purge = { config, request, log: createLog({ level: config.logLevel, format: config.logFormat }) };
  const { database } = config;
  return database.kind === "sqlite" ? purgeFile(database.file, purge) : purgePostgres(database.url, purge);
}

async function purgeFile(file: string, purge: Purge): Promise<PurgeReport> {
  return withDatabaseFile(file, async (db) => {
    const listener = { onRuns: () => undefined, onInbox: () => undefined, onOutbox: () => undefined };
    const writer = new SqliteBatchWriter(db, NO_PROCESS);
    const committer = new GroupCommitter({ writer, clock: systemClock, log: purge.log, listener });
    const reader = await openSqliteReader(file);
    try {
      return await run(purge, committer, reader.reads.retention);
    } finally {
      await reader.close();
    }
  });
}

/** Also beside servers on other machines: what it deletes nobody waits for. */
async function purgePostgres(url: string, purge: Purge): Promise<PurgeReport> {
  const database = await openPostgres({ url, poolUrl: null, role: "db", log: purge.log });
  try {
    const runner = new PostgresRunner(database.pool, database.address);
    const writer = new PurgeWriter(runner, REMOTE_PACE, true);
    const committer: Pick<Committer, "purge"> = { purge: async (step) => runner.transaction(() => writer.step(step)) };
    return await run(purge, committer, openPostgresReader(database).retention);
  } finally {
    await database.close();
  }
}

async function run({ config, request, log }: Purge, committer: Pick<Committer, "purge">, reads: RetentionReads): Promise<PurgeReport> {
  const { retentionMs, retentionRows, home } = config;
  const parts = { committer, reads, clock: systemClock, log, bundlesFolder: join(home, "bundles") };
  return new Retention({ ...parts, retentionMs, retentionRows, pauseMs: 0 }).purge(request, Number.POSITIVE_INFINITY);
}
