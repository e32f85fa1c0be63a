import { join } from "node:path";
import type { ApiContext } from "../../api/api-context.ts";
import { createApi, type Api } from "../../api/create-api.ts";
import { issueToken } from "../../api/auth/api-token.ts";
import { ADMIN_NAME, ensureAdmin } from "../../api/auth/ensure-admin.ts";
import type { Config } from "../../config/config.ts";
import type { AccountStore } from "../../domain/account-store.ts";
import type { ClusterMember, Role } from "../../domain/cluster.ts";
import { systemClock } from "../../domain/clock.ts";
import type { Log } from "../../domain/log.ts";
import type { ProviderCatalog } from "../../domain/provider-catalog.ts";
import type { Reads } from "../../domain/reads.ts";
import type { ActiveRun } from "../../domain/run.ts";
import { testConnection } from "../../domain/test-connection.ts";
import { SqlAccountStore } from "../../metadata-db/stores/account-store.ts";
import { publishMessages } from "../../relay/publish-messages.ts";
import { Retention } from "../../retention/retention.ts";
import { readVersion } from "../read-version.ts";
import { removeServerFile, writeServerFile } from "../server-file.ts";
import { Cleanup } from "./cleanup.ts";
import { discoverProviders } from "./discover-providers.ts";
import { Engine } from "./engine.ts";
import { type Access, makeAccess } from "./make-access.ts";
import { openMetadataDb } from "./metadata-db.ts";
import { openDefinitionStore } from "./open-definition-store.ts";
import { listProcesses } from "./own-status.ts";
import { readWorkerPort, type WorkerPort } from "./read-worker-port.ts";

export interface ServerOptions {
  readonly roles: readonly Role[];
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Told at once of a password that was made up and stored: it is never shown again, however the start goes on. */
  readonly onNewPassword: (password: string) => void;
  readonly onRunEnd?: (run: ActiveRun) => void;
  /** Another process has declared this one dead: it must end at once. */
  readonly onFenced: () => void;
}

export interface Server {
  readonly roles: readonly Role[];
  /** `http://127.0.0.1:8080`; null where it has no API. */
  readonly address: string | null;
  readonly engine: Engine;
  readonly reads: Reads;
  /** Where workers of other machines connect. */
  readonly workerPort: WorkerPort | null;
  /** Finishes what is under way within the deadline. A second stop is harmless. */
  stop(deadlineMs: number): Promise<void>;
}

/**
 * A process with these roles: all of them are a standalone server, the only ones on a SQLite file.
 * @throws {MillraceError} DB_LOCKED, DB_NEWER, DB_UNREADABLE, DB_UNREACHABLE, DB_REFUSED, DB_UNSUITABLE, DAGS_FOLDER_MISSING, PORT_IN_USE, CONFIG_INVALID
 */
export async function startServer(options: ServerOptions): Promise<Server> {
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

async function build(options: ServerOptions, cleanup: Cleanup): Promise<Server> {
  const { config, environment, log, roles, onRunEnd, onFenced } = options;
  const clock = systemClock;
  const isScheduler = roles.includes("scheduler");
  const workerPort = isScheduler ? readWorkerPort(config, log) : null;
  const db = await openMetadataDb({ config, roles, clock, log, onFenced }, cleanup);
  const catalog = await discoverProviders(config.dagsFolders, log);
  const onConnectionChange = (id: string): void => engine.onConnectionChange(id);
  const access = makeAccess({ runner: db.runner, config, environment, onConnectionChange });
  const { connections, variables } = access;
  const version = readVersion();
  const engine = new Engine({
    config,
    environment,
    db,
    roles,
    catalog,
    definitionStore: await openDefinitionStore(db.runner, catalog),
    connections,
    variables,
    clock,
    log,
    version,
    workerPort,
    onFenced,
    ...(onRunEnd && { onRunEnd }),
  });
  const retention = makeRetention(config, engine, db.reads, log);
  let stopAt = clock.monotonic();
  const left = (): number => Math.max(0, stopAt - clock.monotonic());
  const serving = {
    engine,
    cluster: db.cluster,
    reads: db.reads,
    access,
    catalog,
    retention,
    version,
    accounts: new SqlAccountStore(db.runner),
    left,
  };
  const api = roles.includes("api-server") ? await serve(options, serving, cleanup) : null;
  cleanup.add(async () => engine.stop(left()));
  await engine.start();
  if (isScheduler) await retention.start();
  cleanup.add(async () => retention.stop());
  if (api !== null) await announce(api, serving.accounts, options, cleanup);
  let stopped: Promise<void> | null = null;
  const stop = async (deadlineMs: number): Promise<void> => {
    if (stopped === null) stopAt = clock.monotonic() + deadlineMs;
    stopped ??= cleanup.run();
    await stopped;
  };
  return { roles, address: api?.address ?? null, engine, reads: db.reads, workerPort, stop };
}

interface Serving {
  readonly engine: Engine;
  readonly cluster: ClusterMember;
  readonly reads: Reads;
  readonly access: Access;
  readonly catalog: ProviderCatalog;
  readonly retention: Retention;
  readonly version: string;
  readonly accounts: AccountStore;
  /** ms until the end of a stop's deadline. */
  readonly left: () => number;
}

/** The address first: a health check sees 503 until runs can start, and a port in use is told before anything is stored. */
async function serve({ config, log, onNewPassword }: ServerOptions, serving: Serving, cleanup: Cleanup): Promise<Api> {
  const { engine, reads, accounts, version, retention, access, catalog, left } = serving;
  const parts = { ...clusterParts(serving), ...outsideParts(access, catalog, log) };
  const purge: ApiContext["purge"] = async (request) => retention.purge(request, PURGE_REQUEST_MS);
  const api = await createApi({ reads, engine, accounts, version, purge, ...parts });
  await api.start(config.host, config.port);
  cleanup.add(async () => api.stop({ deadlineMs: Math.max(MIN_API_STOP_MS, left()) }));
  const password = await ensureAdmin(accounts, config.adminPassword, systemClock.now());
  if (password !== null) onNewPassword(password);
  return api;
}

/** What a request waits for: many clients give up after a minute. */
const PURGE_REQUEST_MS = 20_000;
/** Beside a step of 2 ms: the purge takes a small part of the writer's time at most. */
const PURGE_PAUSE_MS = 16;

function makeRetention({ home, retentionMs, retentionRows }: Config, engine: Engine, reads: Reads, log: Log): Retention {
  const parts = { committer: engine.committer, reads: reads.retention, clock: systemClock, log: log.child({ part: "retention" }) };
  const mayRun = () => engine.isLoader;
  return new Retention({ ...parts, mayRun, bundlesFolder: join(home, "bundles"), retentionMs, retentionRows, pauseMs: PURGE_PAUSE_MS });
}

/** What the API tells of this process and the others. */
function clusterParts({ engine, cluster, reads }: Serving): Pick<ApiContext, "processes" | "processStates"> {
  const parts = { cluster, reads: reads.processStatus, own: engine };
  return { processes: () => listProcesses(parts), processStates: () => cluster.states };
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

/** Well within the 24 hours that a token lives. */
const RENEW_TOKEN_MS = 12 * 3_600_000;

/** Lets the commands of this machine's user find the server. */
async function announce(api: Api, accounts: AccountStore, { config, log }: ServerOptions, cleanup: Cleanup): Promise<void> {
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
