import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Cluster } from "../../domain/cluster.ts";
import type { Committer } from "../../domain/committer.ts";
import type { ExecutorListener } from "../../domain/executor.ts";
import type { ActiveRun } from "../../domain/run.ts";
import type { SqlRunner } from "../../metadata-db/sql-script.ts";
import { SqlInboxStore } from "../../metadata-db/stores/inbox-store.ts";
import { SqlRunStore } from "../../metadata-db/stores/run-store.ts";
import { Scheduler } from "../../scheduler/scheduler.ts";
import type { DefinitionHolder } from "./definition-holder.ts";
import { type ExecutorParts, makeExecutor } from "./make-executor.ts";

/** What a scheduler and its workers are made of. */
export interface SchedulerParts extends ExecutorParts {
  readonly config: Pick<Config, "home" | "minWorkers" | "maxWorkers" | "backlogLimit" | "inboxLimit">;
  readonly runner: SqlRunner;
  readonly onRunEnd?: (run: ActiveRun) => void;
}

/** How it is joined to the other parts. */
export interface SchedulerLinks {
  readonly cluster: Cluster;
  readonly committer: Committer;
  readonly definitions: DefinitionHolder;
  /** Told of what workers report, before the scheduler is. */
  readonly observe?: (scheduler: ExecutorListener) => ExecutorListener;
}

/** A scheduler with warm workers on this machine. */
export function makeScheduler(parts: SchedulerParts, { cluster, committer, definitions, observe }: SchedulerLinks): Scheduler {
  const { config, runner, clock, log, onRunEnd } = parts;
  return new Scheduler({
    committer,
    store: new SqlRunStore(runner, cluster.processId),
    inboxStore: new SqlInboxStore(runner),
    definitions: () => definitions.current,
    knownVersion: (id) => definitions.knownVersion(id),
    findVersion: (id) => definitions.findVersion(id),
    bundlesFolder: join(config.home, "bundles"),
    cluster,
    backlogLimit: config.backlogLimit,
    inboxLimit: config.inboxLimit,
    clock,
    log: log.child({ part: "scheduler" }),
    ...(onRunEnd && { onRunEnd }),
    executor: (listener) => makeExecutor(parts, observe?.(listener) ?? listener),
  });
}
