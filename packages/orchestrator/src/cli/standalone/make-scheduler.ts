import { join } from "node:path";
import type { Database } from "better-sqlite3";
import type { Config } from "../../config/config.ts";
import type { Committer } from "../../domain/committer.ts";
import type { ExecutorListener } from "../../domain/executor.ts";
import type { ActiveRun } from "../../domain/run.ts";
import { SqliteRunner } from "../../metadata-db/sqlite/sqlite-runner.ts";
import { SqlInboxStore } from "../../metadata-db/stores/inbox-store.ts";
import { SqlRunStore } from "../../metadata-db/stores/run-store.ts";
import { Scheduler } from "../../scheduler/scheduler.ts";
import type { DefinitionHolder } from "./definition-holder.ts";
import { type ExecutorParts, makeExecutor } from "./make-executor.ts";

/** What a scheduler and its workers are made of. */
export interface SchedulerParts extends ExecutorParts {
  readonly config: Pick<Config, "home" | "minWorkers" | "maxWorkers" | "backlogLimit" | "inboxLimit">;
  readonly db: Database;
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
