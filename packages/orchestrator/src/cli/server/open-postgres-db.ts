import { join } from "node:path";
import type { Committer } from "../../domain/committer.ts";
import { GroupCommitter } from "../../metadata-db/committer.ts";
import { joinLanes } from "../../metadata-db/join-lanes.ts";
import { BundleStore } from "../../metadata-db/postgres/bundle-store.ts";
import { PostgresCluster } from "../../metadata-db/postgres/cluster/postgres-cluster.ts";
import { openPostgresReader } from "../../metadata-db/postgres/open-postgres-reader.ts";
import { openPostgres } from "../../metadata-db/postgres/open-postgres.ts";
import { PostgresBatchWriter } from "../../metadata-db/postgres/postgres-batch-writer.ts";
import { PostgresRunner } from "../../metadata-db/postgres/postgres-runner.ts";
import type { DatabaseAddress } from "../../config/database-url.ts";
import type { Cleanup } from "./cleanup.ts";
import type { CommitterOptions, MetadataDb, MetadataDbOptions } from "./metadata-db.ts";

type PostgresAddress = Extract<DatabaseAddress, { readonly kind: "postgres" }>;

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

/**
 * A place among the processes of a PostgreSQL.
 * @throws {MillraceError} DB_NEWER, DB_UNREACHABLE, DB_REFUSED, DB_UNSUITABLE
 */
export async function openPostgresDb(
  { url, poolUrl }: PostgresAddress,
  { config, roles, clock, log, onFenced }: MetadataDbOptions,
  cleanup: Cleanup,
): Promise<MetadataDb> {
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
      ownerOfNewRun: () => cluster.ownerOfNewRun(),
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
