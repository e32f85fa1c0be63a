import { hostname } from "node:os";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import type { Config } from "../../config/config.ts";
import { AloneCluster } from "../../domain/alone-cluster.ts";
import type { Clock } from "../../domain/clock.ts";
import type { ClusterMember, Role } from "../../domain/cluster.ts";
import type { Committer } from "../../domain/committer.ts";
import type { Log } from "../../domain/log.ts";
import type { Reads } from "../../domain/reads.ts";
import { GroupCommitter, type GroupCommitterOptions } from "../../metadata-db/committer.ts";
import { joinLanes } from "../../metadata-db/join-lanes.ts";
import { BundleStore } from "../../metadata-db/postgres/bundle-store.ts";
import { PostgresCluster } from "../../metadata-db/postgres/cluster/postgres-cluster.ts";
import { openPostgres } from "../../metadata-db/postgres/open-postgres.ts";
import { openPostgresReader } from "../../metadata-db/postgres/open-postgres-reader.ts";
import { PostgresBatchWriter } from "../../metadata-db/postgres/postgres-batch-writer.ts";
import { PostgresRunner } from "../../metadata-db/postgres/postgres-runner.ts";
import type { SqlRunner } from "../../metadata-db/sql-script.ts";
import { lockDatabase } from "../../metadata-db/sqlite/file-lock.ts";
import { assertDatabaseFile, openDatabase } from "../../metadata-db/sqlite/open-database.ts";
import { registerProcess } from "../../metadata-db/sqlite/process-store.ts";
import { openSqliteReader } from "../../metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { SqliteBatchWriter } from "../../metadata-db/sqlite/sqlite-batch-writer.ts";
import { SqliteRunner } from "../../metadata-db/sqlite/sqlite-runner.ts";
import type { Cleanup } from "./cleanup.ts";
import { prepareFiles, protectDatabaseFile } from "./prepare-files.ts";

type CommitterOptions = Omit<GroupCommitterOptions, "writer">;

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
  return config.database.kind === "sqlite" ? openOnFile(config.database.file, options, cleanup) : openOnServer(options, cleanup);
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

/**
 * Every statement finds its rows by an index, however new the table's statistics are; and a process that stands still in the
 * middle of a commit does not keep the others from taking over.
 */
const COMMIT_OPTIONS = [
  "synchronous_commit=on",
  "jit=off",
  "plan_cache_mode=force_generic_plan",
  "enable_seqscan=off",
  "enable_hashjoin=off",
  "enable_mergejoin=off",
  "idle_in_transaction_session_timeout=5000",
  // An administrator's limits are for queries: a commit that ran into them would never end.
  "statement_timeout=0",
  "lock_timeout=0",
]
  .map((setting) => `-c ${setting}`)
  .join(" ");

/** Past these the connection is given up: a network may have forgotten it, without a word to anyone. */
const COMMIT_WITHIN_MS = 30_000;
const BEAT_WITHIN_MS = 5_000;
/** One to beat and look, one to notify. */
const CLUSTER_CONNECTIONS = 2;

async function openOnServer(options: MetadataDbOptions, cleanup: Cleanup): Promise<MetadataDb> {
  const { config, roles, clock, log, onFenced } = options;
  if (config.database.kind !== "postgres") throw new Error("expected a PostgreSQL address");
  const { url, poolUrl } = config.database;
  const database = await openPostgres({ url, poolUrl, role: `${roles.join("+")} ${process.pid}`, log });
  cleanup.add(async () => database.close());
  const runner = new PostgresRunner(database.pool, database.address);
  const clusterPool = database.makePool("heartbeats", CLUSTER_CONNECTIONS, BEAT_WITHIN_MS);
  cleanup.add(async () => clusterPool.end());
  const makeClient = () => database.makeClient("cluster");
  const cluster = await PostgresCluster.join({
    runner: new PostgresRunner(clusterPool, database.address),
    pool: clusterPool,
    makeClient,
    roles,
    clock,
    log: log.child({ part: "cluster" }),
  });
  cleanup.add(async () => cluster.stop());
  const makeWriter = (): PostgresBatchWriter => {
    const writer = new PostgresBatchWriter({
      makeClient: () => database.makeClient("commits", { pipeline: true, options: COMMIT_OPTIONS, query_timeout: COMMIT_WITHIN_MS }),
      processId: cluster.processId,
      ownerOf: () => cluster.ownerOf(),
      onFenced,
    });
    cleanup.add(async () => writer.close());
    return writer;
  };
  const openCommitter = (more: CommitterOptions): Committer =>
    joinLanes(new GroupCommitter({ ...more, writer: makeWriter() }), new GroupCommitter({ ...more, writer: makeWriter() }));
  const bundles = new BundleStore(runner, join(config.home, "bundles"));
  return { runner, cluster, openCommitter, bundles, reads: openPostgresReader(database) };
}
