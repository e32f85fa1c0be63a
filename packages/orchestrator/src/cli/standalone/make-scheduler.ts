import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Database } from "better-sqlite3";
import type { Config } from "../../config/config.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Committer } from "../../domain/committer.ts";
import type { Connections, Variables } from "../../domain/connections.ts";
import type { ExecutorListener } from "../../domain/executor.ts";
import type { Log } from "../../domain/log.ts";
import type { ActiveRun } from "../../domain/run.ts";
import { userCodeEnvironment } from "../../domain/user-code-environment.ts";
import { LocalExecutor } from "../../executors/local/local-executor.ts";
import { SqliteRunner } from "../../metadata-db/sqlite/sqlite-runner.ts";
import { SqlInboxStore } from "../../metadata-db/stores/inbox-store.ts";
import { SqlRunStore } from "../../metadata-db/stores/run-store.ts";
import { Scheduler } from "../../scheduler/scheduler.ts";
import type { DefinitionHolder } from "./definition-holder.ts";

/** What a scheduler and its workers are made of. */
export interface SchedulerParts {
  readonly config: Pick<Config, "home" | "minWorkers" | "maxWorkers" | "backlogLimit" | "inboxLimit">;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly db: Database;
  readonly connections: Connections;
  readonly variables: Variables;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly onRunEnd?: (run: ActiveRun) => void;
}

/** How it is joined to the other parts. */
export interface SchedulerLinks {
  readonly ownerId: number;
  readonly committer: Committer;
  readonly definitions: DefinitionHolder;
  /** Told of what workers report, before the scheduler is. */
  readonly observe?: (scheduler: ExecutorListener) => ExecutorListener;
}

const WORKER_ENTRY = fileURLToPath(new URL("../../../bin/worker.js", import.meta.url));
const WORKER_SLOTS = 256;
const WORKER_HEAP_MB = 2_048;
const WORKER_MAX_RSS_BYTES = 2 ** 30;

/** A scheduler with warm workers on this machine. */
export function makeScheduler(parts: SchedulerParts, { ownerId, committer, definitions, observe }: SchedulerLinks): Scheduler {
  const { config, db, clock, log, onRunEnd } = parts;
  const runner = new SqliteRunner(db);
  return new Scheduler({
    committer,
    store: new SqlRunStore(runner, ownerId),
    inboxStore: new SqlInboxStore(runner),
    definitions: () => definitions.current,
    knownVersion: (id) => definitions.knownVersion(id),
    findVersion: (id) => definitions.findVersion(id),
    bundlesFolder: join(config.home, "bundles"),
    ownerId,
    backlogLimit: config.backlogLimit,
    inboxLimit: config.inboxLimit,
    clock,
    log: log.child({ part: "scheduler" }),
    ...(onRunEnd && { onRunEnd }),
    executor: (listener) => makeExecutor(parts, observe?.(listener) ?? listener),
  });
}

function makeExecutor(parts: SchedulerParts, listener: ExecutorListener): LocalExecutor {
  const { config, environment, connections, variables, clock, log, version } = parts;
  return new LocalExecutor({
    command: { entry: WORKER_ENTRY, env: userCodeEnvironment(environment), maxHeapMb: WORKER_HEAP_MB },
    version,
    listener,
    values: { get: async (what, id): Promise<unknown> => (what === "connection" ? connections : variables).get(id) },
    clock,
    log: log.child({ part: "executor" }),
    minWorkers: config.minWorkers,
    maxWorkers: config.maxWorkers,
    slots: WORKER_SLOTS,
    maxRssBytes: WORKER_MAX_RSS_BYTES,
  });
}
