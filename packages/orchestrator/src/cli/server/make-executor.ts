import { randomUUID } from "node:crypto";
import type { Config } from "../../config/config.ts";
import { Lockfiles } from "../../config/lockfile.ts";
import { DEFAULT_SLOTS } from "../../config/worker-config.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Connections, Variables } from "../../domain/connections.ts";
import type { Executor, ExecutorListener } from "../../domain/executor.ts";
import type { Log } from "../../domain/log.ts";
import type { TaskValues } from "../../domain/task-values.ts";
import { ExecutorGroup } from "../../executors/executor-group.ts";
import { RemoteExecutor } from "../../executors/remote/remote-executor.ts";
import { makeWorkerProcesses } from "../worker-processes.ts";
import type { WorkerPort } from "./read-worker-port.ts";

export interface ExecutorParts {
  readonly config: Pick<Config, "minWorkers" | "maxWorkers">;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly connections: Connections;
  readonly variables: Variables;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  /** Where workers of other machines connect; left out or null: nowhere. */
  readonly workerPort?: WorkerPort | null;
}

/** What runs a scheduler's tasks: worker processes of this machine, workers of others, or both. */
export function makeExecutor(parts: ExecutorParts, listener: ExecutorListener): Executor {
  const { config, environment, connections, variables, clock, log, version, workerPort = null } = parts;
  const values: TaskValues = { get: async (what, id): Promise<unknown> => (what === "connection" ? connections : variables).get(id) };
  const shared = { version, listener, values, clock };
  const { minWorkers, maxWorkers } = config;
  const makeLocal = () => makeWorkerProcesses({ ...shared, environment, log, minWorkers, maxWorkers, slots: DEFAULT_SLOTS });
  if (workerPort === null) return makeLocal();
  const lockfiles = new Lockfiles(clock);
  const remote = new RemoteExecutor({
    ...shared,
    ...workerPort,
    scheduler: randomUUID(),
    log: log.child({ part: "workers" }),
    lockfileOf: (source) => lockfiles.ofFile(source),
  });
  return maxWorkers === 0 ? remote : new ExecutorGroup([makeLocal(), remote]);
}
