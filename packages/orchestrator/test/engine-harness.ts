import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestContext } from "node:test";
import type { Database } from "better-sqlite3";
import { loadConfig } from "../src/config/config.ts";
import { sqliteFileOf } from "../src/config/database-url.ts";
import { EnvironmentConnections } from "../src/config/connections.ts";
import { EnvironmentVariables } from "../src/config/variables.ts";
import { discoverProviders } from "../src/cli/server/discover-providers.ts";
import { openDefinitionStore } from "../src/cli/server/open-definition-store.ts";
import { Engine, type EngineOptions } from "../src/cli/server/engine.ts";
import { engineDbOf } from "../src/cli/server/metadata-db.ts";
import { ROLES } from "../src/domain/cluster.ts";
import { type Clock, systemClock } from "../src/domain/clock.ts";
import type { Log } from "../src/domain/log.ts";
import type { ActiveRun } from "../src/domain/run.ts";
import { openDatabase } from "../src/metadata-db/sqlite/open-database.ts";

export interface EngineHarness {
  readonly engine: Engine;
  readonly db: Database;
  readonly home: string;
  readonly dags: string;
  /** Lines at level warn and above. */
  readonly warnings: string[];
  /** Starts a run by hand and waits for its end. */
  readonly run: (dagId: string, options?: { payload?: unknown; params?: Record<string, unknown> }) => Promise<RunRow>;
  readonly create: (dagId: string, options?: { payload?: unknown; params?: Record<string, unknown> }) => Promise<number>;
  readonly ended: (runId: number) => Promise<RunRow>;
  readonly stop: (deadlineMs?: number) => Promise<void>;
}

export interface RunRow {
  readonly id: number;
  readonly state: number;
  readonly rescues: number;
  readonly error: string | null;
  readonly tasks: readonly { taskIndex: number; state: number; try: number; value: unknown; error: string | null; workerLost: number }[];
}

export interface HarnessOptions {
  readonly files: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Of an engine that was stopped (or left as if killed) before. */
  readonly home?: string;
  readonly maxWorkers?: number;
  readonly clock?: Clock;
  readonly triggerHostLimits?: EngineOptions["triggerHostLimits"];
}

/** A machine that is busy with other tests is no slow DAG file. */
const IMPORT_PATIENCE_MS = 25_000;
const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));

/** A whole engine, without the API, on a database file and DAG files of its own. */
export async function startEngine(t: TestContext, options: HarnessOptions): Promise<EngineHarness> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), "millrace-engine-"));
  const dags = join(home, "dags");
  mkdirSync(dags, { recursive: true });
  if (!existsSync(join(home, "node_modules"))) symlinkSync(NODE_MODULES, join(home, "node_modules"));
  for (const [name, text] of Object.entries(options.files)) writeFileSync(join(dags, name), text);
  const environment = { PATH: process.env["PATH"] ?? "", ...options.environment };
  const config = loadConfig({
    ...environment,
    MILLRACE_HOME: join(home, "home"),
    MILLRACE_DAGS_FOLDER: dags,
    MILLRACE_MAX_WORKERS: String(options.maxWorkers ?? 2),
  });
  const warnings: string[] = [];
  const log = collectingLog(warnings);
  const db = openDatabase(sqliteFileOf(config.database, "this test"));
  const engineDb = engineDbOf(db, ROLES, systemClock.now());
  const waiting = new Map<number, (run: ActiveRun) => void>();
  const catalog = await discoverProviders(config.dagsFolders, log);
  const engine = new Engine({
    config,
    environment,
    db: engineDb,
    roles: ROLES,
    catalog,
    definitionStore: await openDefinitionStore(engineDb.runner, catalog),
    onFenced: () => undefined,
    connections: new EnvironmentConnections(environment),
    variables: new EnvironmentVariables(environment),
    clock: options.clock ?? systemClock,
    log,
    version: "test",
    importPatienceMs: IMPORT_PATIENCE_MS,
    ...(options.triggerHostLimits && { triggerHostLimits: options.triggerHostLimits }),
    onRunEnd: (run) => waiting.get(run.id)?.(run),
  });
  let isStopped = false;
  const stop = async (deadlineMs = 10_000): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await engine.stop(deadlineMs);
    db.close();
  };
  t.after(async () => {
    await stop(0);
    rmSync(home, { recursive: true, force: true });
  });
  // Below what stops it: one that fails to start must not keep the test's process alive.
  await engine.start();
  const create: EngineHarness["create"] = async (dagId, { payload, params = {} } = {}) => {
    const request = { dagId, customRunId: null, logicalDate: null, params, ...(payload !== undefined && { payload }) };
    return (await engine.createDagRun(request)).id;
  };
  const ended: EngineHarness["ended"] = async (runId) => {
    const end = new Promise<void>((resolve) => waiting.set(runId, () => resolve()));
    if (readRun(db, runId).state < 10) await end;
    return readRun(db, runId);
  };
  return { engine, db, home, dags, warnings, create, ended, run: async (dagId, run) => ended(await create(dagId, run)), stop };
}

function readRun(db: Database, id: number): RunRow {
  const run = db.prepare("SELECT id, state, rescues, error FROM dag_run WHERE id = ?").get(id) as Omit<RunRow, "tasks">;
  const tasks = db
    .prepare("SELECT task_index, state, try, value, error, worker_lost FROM task_instance WHERE run_id = ? ORDER BY task_index")
    .all(id) as {
    task_index: number;
    state: number;
    try: number;
    value: Buffer | null;
    error: Buffer | null;
    worker_lost: number;
  }[];
  return {
    ...run,
    tasks: tasks.map((row) => ({
      taskIndex: row.task_index,
      state: row.state,
      try: row.try,
      value: row.value === null ? null : (JSON.parse(row.value.toString()) as unknown),
      error: row.error?.toString() ?? null,
      workerLost: row.worker_lost,
    })),
  };
}

function collectingLog(warnings: string[]): Log {
  const keep = (message: string, fields?: object): void =>
    void warnings.push(fields === undefined ? message : `${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug() {}, info() {}, warn: keep, error: keep, child: () => log };
  return log;
}
