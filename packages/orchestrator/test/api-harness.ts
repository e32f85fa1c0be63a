import assert from "node:assert/strict";
import { once } from "node:events";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { Writable } from "node:stream";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { Database } from "better-sqlite3";
import { createApi } from "../src/api/create-api.ts";
import { issueToken } from "../src/api/auth/api-token.ts";
import { hashPassword } from "../src/api/auth/password.ts";
import { discoverProviders } from "../src/cli/server/discover-providers.ts";
import { makeAccess } from "../src/cli/server/make-access.ts";
import type { Role } from "../src/domain/account-store.ts";
import { ROLES } from "../src/domain/cluster.ts";
import type { ProcessView } from "../src/domain/process-status.ts";
import { systemClock } from "../src/domain/clock.ts";
import { buildDefinitions } from "../src/domain/definitions.ts";
import type { EngineControl, EngineHealth } from "../src/domain/engine-control.ts";
import { MillraceError } from "../src/domain/errors.ts";
import type { TriggerHealth, WorkerHealth } from "../src/domain/health.ts";
import type { Log } from "../src/domain/log.ts";
import type { RetentionReads } from "../src/domain/retention.ts";
import { testConnection } from "../src/domain/test-connection.ts";
import { GroupCommitter } from "../src/metadata-db/committer.ts";
import { SqlAccountStore } from "../src/metadata-db/stores/account-store.ts";
import { DefinitionStore } from "../src/metadata-db/stores/definition-store.ts";
import { registerProcess } from "../src/metadata-db/sqlite/process-store.ts";
import { openSqliteReader } from "../src/metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { SqliteBatchWriter } from "../src/metadata-db/sqlite/sqlite-batch-writer.ts";
import { SqliteRunner } from "../src/metadata-db/sqlite/sqlite-runner.ts";
import { publishMessages } from "../src/relay/publish-messages.ts";
import { Retention } from "../src/retention/retention.ts";
import { createAssetEvent } from "../src/scheduler/create-asset-event.ts";
import { replayEvents } from "../src/scheduler/replay-events.ts";
import { createDagRun } from "../src/scheduler/create-dag-run.ts";
import { replayDeadLetters } from "../src/triggerer/replay-dead-letters.ts";
import { createLog } from "../src/telemetry/log.ts";
import { SEED, seedDatabase } from "./seeded-database.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: any;
}

export interface ApiHarness {
  readonly address: string;
  readonly db: Database;
  readonly file: string;
  /** What the server has logged. */
  readonly logged: () => string;
  readonly accounts: SqlAccountStore;
  /** What was asked of the engine, where this server has none that does it. */
  readonly asked: readonly unknown[];
  /** Stored connections that were changed. */
  readonly changedConnections: readonly string[];
  setHealth(health: EngineHealth): void;
  stop(deadlineMs: number): Promise<void>;
  tokenOf(role: Role): Promise<string>;
  /** As an admin unless told otherwise; a JSON answer must be what /openapi.json says. */
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  patch(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  delete(path: string, headers?: Record<string, string>): Promise<Answer>;
}

const HEALTHY: EngineHealth = { isReady: true, loader: true, scheduler: true, triggerer: true, executor: true };
const TRIGGER_HEALTH: TriggerHealth = {
  triggerId: SEED.trigger,
  state: "streaming",
  pausedAt: null,
  lastError: null,
  lastMessageAt: null,
  reconnects: 0,
  messages: 5,
  withoutIdentity: 1,
};
const WORKER_HEALTH: WorkerHealth = {
  id: "w1",
  host: "machine-1",
  pid: 4_711,
  version: "9.9.9",
  state: "disconnected",
  since: 1_700_000_000_000,
  slots: 512,
  running: 3,
  lastHeartbeatAt: 1_700_000_000_000,
  reason: "its connection is cut",
};
const PROCESS: ProcessView = {
  id: 3,
  roles: ROLES,
  host: "machine-1",
  pid: 4_712,
  address: null,
  load: 7,
  fullTriggers: [],
  startedAt: 1_700_000_000_000,
  state: "live",
  heartbeatAgeMs: 250,
  shards: 64,
  status: { version: "9.9.9", triggers: [{ ...TRIGGER_HEALTH, lag: 42 }], workers: [WORKER_HEALTH], full: [] },
};
export const PASSWORD = "correct horse battery staple";

/** A real server over a seeded file: runs are created by the scheduler's own code through the real committer; nothing executes them. */
export async function startApi(t: TestContext, environment: Readonly<Record<string, string>> = {}): Promise<ApiHarness> {
  const { api, ...made } = await makeApi(t, environment);
  await api.start("127.0.0.1", 0);
  t.after(() => api.stop());
  const calls = makeCalls(api.address, await made.tokenOf("admin"), await readChecker(api.address));
  return { ...made, ...calls, address: api.address, stop: (deadlineMs) => api.stop({ deadlineMs }) };
}

/** The same, not yet started. */
export async function makeApi(t: TestContext, environment: Readonly<Record<string, string>> = {}) {
  const { file, db } = seedDatabase(t);
  const reader = await openSqliteReader(file);
  t.after(() => reader.close());
  const accounts = new SqlAccountStore(new SqliteRunner(db));
  const { log, logged } = collectLog();
  let health = HEALTHY;
  const asked: unknown[] = [];
  const committer = makeCommitter(db, log);
  const engine: EngineControl = { ...(await makeEngine(db, committer)), ...makeAsked(db, asked), health: () => health };
  const changedConnections: string[] = [];
  const config = { home: dirname(file), secretKey: null };
  const access = makeAccess({
    runner: new SqliteRunner(db),
    environment,
    config,
    onConnectionChange: (id) => void changedConnections.push(id),
  });
  const retention = makeRetention(config.home, committer, reader.reads.retention, log);
  const parts = { catalog: await discoverProviders([], log), clock: systemClock, log };
  const api = await createApi({
    reads: reader.reads,
    engine,
    accounts,
    ...access,
    testConnection: (connection) => testConnection(parts, connection),
    publish: (request) => publishMessages({ ...parts, connections: access.connections }, request),
    purge: (request) => retention.purge(request, 20_000),
    processes: async () => [PROCESS],
    processStates: () => [PROCESS],
    version: "9.9.9",
    clock: systemClock,
    log,
  });
  const tokenOf = async (role: Role): Promise<string> => {
    await accounts.save({ name: role, passwordHash: await hashPassword(PASSWORD), role }, Date.now());
    return issueToken(accounts, role, Date.now());
  };
  const setHealth = (next: EngineHealth): void => void (health = next);
  return { api, db, file, asked, changedConnections, accounts, logged, tokenOf, setHealth };
}

type Check = (method: string, path: string, answer: Answer) => void;

function makeCalls(address: string, token: string, check: Check): Pick<ApiHarness, "get" | "post" | "patch" | "delete"> {
  const call = async (
    path: string,
    init: { method?: string; body?: string; headers?: Record<string, string> },
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const response = await fetch(address + path, {
      ...init,
      headers: { authorization: `Bearer ${token}`, ...init.headers, ...headers },
    });
    const text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    const isJson = /json$|json;/.test(type) && !type.includes("ndjson");
    const answer = { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
    if (isJson) check(init.method ?? "GET", path, answer);
    return answer;
  };
  const send = (method: string) => (path: string, body: unknown, headers?: Record<string, string>) =>
    call(path, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } }, headers);
  return {
    get: (path, headers) => call(path, {}, headers),
    post: send("POST"),
    patch: send("PATCH"),
    delete: (path, headers) => call(path, { method: "DELETE" }, headers),
  };
}

function collectLog() {
  const lines: string[] = [];
  const stream = new Writable({ write: (chunk, _encoding, done) => (lines.push(String(chunk)), done()) });
  return { log: createLog({ level: "debug", format: "json", stream }), logged: () => lines.join("") };
}

function makeCommitter(db: Database, log: Log): GroupCommitter {
  const writer = new SqliteBatchWriter(db, registerProcess(db, ["api-server"], Date.now()));
  const listener = { onRuns: () => undefined, onInbox: () => undefined, onOutbox: () => undefined };
  return new GroupCommitter({ writer, clock: systemClock, log, listener });
}

function makeRetention(home: string, committer: GroupCommitter, reads: RetentionReads, log: Log): Retention {
  const parts = { committer, reads, clock: systemClock, log, bundlesFolder: join(home, "bundles") };
  return new Retention({ ...parts, retentionMs: Number.POSITIVE_INFINITY, retentionRows: 1_000_000, pauseMs: 1 });
}

async function makeEngine(
  db: Database,
  committer: GroupCommitter,
): Promise<Pick<EngineControl, "createDagRun" | "createAssetEvent" | "replayEvents" | "replayDeadLetters" | "discardDeadLetters">> {
  const store = await DefinitionStore.open(new SqliteRunner(db), () => "");
  const definitions = buildDefinitions(await store.read());
  return {
    createDagRun: (request) => createDagRun(request, definitions, committer),
    createAssetEvent: (request) => createAssetEvent(request, definitions, committer),
    replayEvents: (candidates, request) => replayEvents(candidates, request, { definitions, committer, pendingOf: async () => 0 }),
    replayDeadLetters: (letters, { isDryRun }) => replayDeadLetters(letters, { definitions, committer, waitForRoom: () => null, isDryRun }),
    discardDeadLetters: (ids) => committer.discardDeadLetters(ids),
  };
}

/** Told of, and done to the rows that answers are made of: the engine's own part is tested with an engine. */
function makeAsked(db: Database, asked: unknown[]): Pick<EngineControl, "pauseDag" | "unpauseDag" | "dropPendingEvents"> {
  const setPaused = (dagId: string, isPaused: boolean, options?: object) => {
    asked.push({ dagId, isPaused, ...options });
    const { changes } = db.prepare("UPDATE dag SET is_paused = ? WHERE dag_id = ?").run(isPaused ? 1 : 0, dagId);
    if (changes === 0) throw new MillraceError("DAG_NOT_FOUND", `there is no DAG '${dagId}'`);
    return { dagId, isPaused, pendingEvents: 3 };
  };
  return {
    pauseDag: async (dagId) => setPaused(dagId, true),
    unpauseDag: async (dagId, options) => setPaused(dagId, false, options),
    dropPendingEvents: async (dagId) => asked.push({ dagId, drop: true }),
  };
}

/** Checks an answer against the schema that /openapi.json gives for its route and status. */
async function readChecker(address: string): Promise<Check> {
  const document = (await (await fetch(`${address}/openapi.json`)).json()) as any;
  assert.equal(document.openapi, "3.1.0");
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const templates = Object.keys(document.paths).map((template) => {
    const pattern = template.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{[^}]+\}/g, "[^/]+");
    return { template, matcher: new RegExp(`^${pattern}$`), wildcards: template.split("{").length };
  });
  templates.sort((a, b) => a.wildcards - b.wildcards);
  return (method, path, answer) => {
    if (answer.status >= 400 && answer.status !== 503) return checkProblem(answer);
    const found = templates.find(({ matcher }) => matcher.test(path.split("?")[0]!));
    assert.ok(found, `${path} is not in /openapi.json`);
    const response = document.paths[found.template][method.toLowerCase()].responses[answer.status];
    const schema = response?.content?.["application/json"]?.schema;
    assert.ok(schema, `${method} ${found.template} does not describe ${answer.status}`);
    const validate = ajv.compile(schema);
    assert.ok(validate(answer.body), `${method} ${path}: ${ajv.errorsText(validate.errors)}`);
  };
}

function checkProblem({ status, headers, body }: Answer): void {
  assert.match(headers.get("content-type") ?? "", /^application\/problem\+json/);
  assert.equal(body.status, status);
  for (const field of ["type", "title", "detail", "code", "hint"]) assert.equal(typeof body[field], "string", field);
}

/** A port that is taken while the test runs. */
export async function occupyPort(t: TestContext): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => void server.close());
  return (server.address() as { port: number }).port;
}
