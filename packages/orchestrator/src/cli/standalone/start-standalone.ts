import { join } from "node:path";
import type { ApiContext } from "../../api/api-context.ts";
import { createApi, type Api } from "../../api/create-api.ts";
import { issueToken } from "../../api/auth/api-token.ts";
import { ADMIN_NAME, ensureAdmin } from "../../api/auth/ensure-admin.ts";
import type { Config } from "../../config/config.ts";
import { sqliteFileOf } from "../../config/database-url.ts";
import type { AccountStore } from "../../domain/account-store.ts";
import { systemClock } from "../../domain/clock.ts";
import type { Log } from "../../domain/log.ts";
import type { ProviderCatalog } from "../../domain/provider-catalog.ts";
import type { Reads } from "../../domain/reads.ts";
import type { ActiveRun } from "../../domain/run.ts";
import { testConnection } from "../../domain/test-connection.ts";
import { lockDatabase } from "../../metadata-db/sqlite/file-lock.ts";
import { assertDatabaseFile, openDatabase } from "../../metadata-db/sqlite/open-database.ts";
import { openSqliteReader } from "../../metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { SqliteRunner } from "../../metadata-db/sqlite/sqlite-runner.ts";
import { SqlAccountStore } from "../../metadata-db/stores/account-store.ts";
import { publishMessages } from "../../relay/publish-messages.ts";
import { Retention } from "../../retention/retention.ts";
import { readVersion } from "../read-version.ts";
import { removeServerFile, writeServerFile } from "../server-file.ts";
import { discoverProviders } from "./discover-providers.ts";
import { Engine } from "./engine.ts";
import { type Access, makeAccess } from "./make-access.ts";
import { openDefinitionStore } from "./open-definition-store.ts";
import { prepareFiles, protectDatabaseFile } from "./prepare-files.ts";
import { readWorkerPort, type WorkerPort } from "./read-worker-port.ts";

export interface StandaloneOptions {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Told at once of a password that was made up and stored: it is never shown again, however the start goes on. */
  readonly onNewPassword: (password: string) => void;
  readonly onRunEnd?: (run: ActiveRun) => void;
}

export interface Standalone {
  /** `http://127.0.0.1:8080` */
  readonly address: string;
  readonly engine: Engine;
  readonly reads: Reads;
  /** Where workers of other machines connect. */
  readonly workerPort: WorkerPort | null;
  /** Finishes what is under way within the deadline. A second stop is harmless. */
  stop(deadlineMs: number): Promise<void>;
}

/** What is to be undone, newest first. */
class Cleanup {
  readonly #steps: (() => Promise<void> | void)[] = [];

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}

/**
 * Every part in this process, on one SQLite file that no other server uses.
 * @throws {MillraceError} DB_LOCKED, DB_NEWER, DB_UNREADABLE, DAGS_FOLDER_MISSING, PORT_IN_USE, CONFIG_INVALID
 */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const cleanup = new Cleanup();
  try {
    return await build(options, cleanup);
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

/** Answers under way get this long, even where the drain took all of its time. */
const MIN_API_STOP_MS = 1_000;

async function build(options: StandaloneOptions, cleanup: Cleanup): Promise<Standalone> {
  const { config, environment, log, onRunEnd } = options;
  const clock = systemClock;
  const { db, reads } = await openFiles(config, cleanup);
  const runner = new SqliteRunner(db);
  const accounts = new SqlAccountStore(runner);
  const version = readVersion();
  const catalog = await discoverProviders(config.dagsFolders, log);
  const onConnectionChange = (id: string): void => {
    engine.triggerer.reopen(id);
    engine.relay.reopen(id);
  };
  const access = makeAccess({ runner, config, environment, onConnectionChange });
  const { connections, variables } = access;
  const workerPort = readWorkerPort(config, log);
  const engine = new Engine({
    config,
    environment,
    db,
    catalog,
    definitionStore: await openDefinitionStore(runner, catalog),
    connections,
    variables,
    clock,
    log,
    version,
    workerPort,
    ...(onRunEnd && { onRunEnd }),
  });
  const retention = makeRetention(config, engine, reads, log);
  const parts = { ...triggerParts(engine), ...outsideParts(access, catalog, log) };
  const purge: ApiContext["purge"] = async (request) => retention.purge(request, PURGE_REQUEST_MS);
  const api = await createApi({ reads, engine, accounts, version, purge, ...parts });
  // The address first: a health check sees 503 until runs can start, and a port in use is told before anything is stored.
  await api.start(config.host, config.port);
  let stopAt = clock.monotonic();
  const left = (): number => Math.max(0, stopAt - clock.monotonic());
  cleanup.add(async () => api.stop({ deadlineMs: Math.max(MIN_API_STOP_MS, left()) }));
  const password = await ensureAdmin(accounts, config.adminPassword, clock.now());
  if (password !== null) options.onNewPassword(password);
  cleanup.add(async () => engine.stop(left()));
  await engine.start();
  await retention.start();
  cleanup.add(async () => retention.stop());
  await announce(api, accounts, options, cleanup);
  let stopped: Promise<void> | null = null;
  const stop = async (deadlineMs: number): Promise<void> => {
    if (stopped === null) stopAt = clock.monotonic() + deadlineMs;
    stopped ??= cleanup.run();
    await stopped;
  };
  return { address: api.address, engine, reads, workerPort, stop };
}

/** What a request waits for: many clients give up after a minute. */
const PURGE_REQUEST_MS = 20_000;
/** Beside a step of 2 ms: the purge takes a small part of the writer's time at most. */
const PURGE_PAUSE_MS = 16;

function makeRetention({ home, retentionMs, retentionRows }: Config, { committer }: Engine, reads: Reads, log: Log): Retention {
  const parts = { committer, reads: reads.retention, clock: systemClock, log: log.child({ part: "retention" }) };
  return new Retention({ ...parts, bundlesFolder: join(home, "bundles"), retentionMs, retentionRows, pauseMs: PURGE_PAUSE_MS });
}

/** What the API asks of the triggerer and the executor. */
function triggerParts({ triggerer, scheduler }: Engine): Pick<ApiContext, "triggerHealth" | "triggerLags" | "workers"> {
  const workers = async () => scheduler.executor.workers();
  return { triggerHealth: () => triggerer.health(), triggerLags: () => triggerer.lags(), workers };
}

/** What the API needs to reach other systems itself. */
function outsideParts(access: Access, catalog: ProviderCatalog, log: Log) {
  const parts = { catalog, clock: systemClock, log: log.child({ part: "api" }) };
  return {
    ...access,
    clock: parts.clock,
    log: parts.log,
    testConnection: (connection: Parameters<typeof testConnection>[1]) => testConnection(parts, connection),
    publish: (request: Parameters<typeof publishMessages>[1]) => publishMessages({ ...parts, connections: access.connections }, request),
  };
}

/** The lock before the file, so that no two servers ever write to it. */
async function openFiles(config: Config, cleanup: Cleanup): Promise<{ db: ReturnType<typeof openDatabase>; reads: Reads }> {
  const file = sqliteFileOf(config.database, "`millrace standalone`");
  prepareFiles(config);
  assertDatabaseFile(file);
  const lock = lockDatabase(file);
  cleanup.add(() => lock.release());
  const db = openDatabase(file);
  cleanup.add(() => void db.close());
  protectDatabaseFile(file);
  const reader = await openSqliteReader(file);
  cleanup.add(async () => reader.close());
  return { db, reads: reader.reads };
}

/** Well within the 24 hours that a token lives. */
const RENEW_TOKEN_MS = 12 * 3_600_000;

/** Lets the commands of this machine's user find the server. */
async function announce(api: Api, accounts: AccountStore, { config, log }: StandaloneOptions, cleanup: Cleanup): Promise<void> {
  const write = async (): Promise<void> => {
    const token = await issueToken(accounts, ADMIN_NAME, systemClock.now());
    writeServerFile(config.home, { address: api.address, token, pid: process.pid });
  };
  let cancel = (): void => undefined;
  const renewLater = (): void => {
    cancel = systemClock.after(RENEW_TOKEN_MS, () => {
      renewLater();
      write().catch((error: unknown) => log.warn("the token in server.json could not be renewed", { error }));
    });
  };
  await write();
  renewLater();
  cleanup.add(() => {
    cancel();
    removeServerFile(config.home);
  });
}
