import { hostname } from "node:os";
import type { Database } from "better-sqlite3";
import type { Config } from "../../config/config.ts";
import { AloneCluster } from "../../domain/alone-cluster.ts";
import type { Clock } from "../../domain/clock.ts";
import type { ClusterMember, Role } from "../../domain/cluster.ts";
import type { Committer } from "../../domain/committer.ts";
import type { Log } from "../../domain/log.ts";
import type { Reads } from "../../domain/reads.ts";
import { GroupCommitter, type GroupCommitterOptions } from "../../metadata-db/committer.ts";
import type { BundleStore } from "../../metadata-db/postgres/bundle-store.ts";
import type { SqlRunner } from "../../metadata-db/sql-script.ts";
import { lockDatabase } from "../../metadata-db/sqlite/file-lock.ts";
import { assertDatabaseFile, openDatabase } from "../../metadata-db/sqlite/open-database.ts";
import { registerProcess } from "../../metadata-db/sqlite/process-store.ts";
import { openSqliteReader } from "../../metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { SqliteBatchWriter } from "../../metadata-db/sqlite/sqlite-batch-writer.ts";
import { SqliteRunner } from "../../metadata-db/sqlite/sqlite-runner.ts";
import type { Cleanup } from "./cleanup.ts";
import { prepareFiles, protectDatabaseFile } from "./prepare-files.ts";

export type CommitterOptions = Omit<GroupCommitterOptions, "writer">;

/** What the engine needs of the metadata DB, and its place among the processes that use it. */
export interface EngineDb {
  readonly runner: SqlRunner;
  readonly cluster: ClusterMember;
  /** Whoever it commits for hears of it by the listener. */
  readonly openCommitter: (options: CommitterOptions) => Committer;
  /** null where one folder serves all: there is one process. */
  readonly bundles: BundleStore | null;
}

export interface MetadataDb extends EngineDb {
  readonly reads: Reads;
}

export interface MetadataDbOptions {
  readonly config: Config;
  readonly roles: readonly Role[];
  readonly clock: Clock;
  readonly log: Log;
  /** Another process has declared this one dead. */
  readonly onFenced: () => void;
}

/** @throws {MillraceError} DAGS_FOLDER_MISSING, CONFIG_INVALID, DB_LOCKED, DB_NEWER, DB_UNREADABLE, DB_UNREACHABLE, DB_REFUSED, DB_UNSUITABLE */
export async function openMetadataDb(options: MetadataDbOptions, cleanup: Cleanup): Promise<MetadataDb> {
  const { config, roles } = options;
  prepareFiles(config, roles);
  if (config.database.kind === "sqlite") return openOnFile(config.database.file, options, cleanup);
  // A server on a file has no use for the client.
  const { openPostgresDb } = await import("./open-postgres-db.ts");
  return openPostgresDb(config.database, options, cleanup);
}

/** Of a database that no other process uses. */
export function engineDbOf(db: Database, roles: readonly Role[], now: number): EngineDb {
  const processId = registerProcess(db, roles, now);
  return {
    runner: new SqliteRunner(db),
    cluster: new AloneCluster(processId, { roles, host: hostname(), pid: process.pid, startedAt: now }),
    openCommitter: (options) => new GroupCommitter({ ...options, writer: new SqliteBatchWriter(db, processId) }),
    bundles: null,
  };
}

/** The lock before the file, so that no two servers ever write to it. */
async function openOnFile(file: string, { roles, clock }: MetadataDbOptions, cleanup: Cleanup): Promise<MetadataDb> {
  assertDatabaseFile(file);
  const lock = lockDatabase(file);
  cleanup.add(() => lock.release());
  const db = openDatabase(file);
  cleanup.add(() => void db.close());
  protectDatabaseFile(file);
  const reader = await openSqliteReader(file);
  cleanup.add(async () => reader.close());
  return { ...engineDbOf(db, roles, clock.now()), reads: reader.reads };
}
