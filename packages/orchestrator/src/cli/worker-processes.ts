import { fileURLToPath } from "node:url";
import type { Clock } from "../domain/clock.ts";
import type { ExecutorListener } from "../domain/executor.ts";
import type { Log } from "../domain/log.ts";
import type { TaskValues } from "../domain/task-values.ts";
import { userCodeEnvironment } from "../domain/user-code-environment.ts";
import { LocalExecutor } from "../executors/local/local-executor.ts";

const WORKER_ENTRY = fileURLToPath(new URL("../../bin/worker.js", import.meta.url));
const WORKER_HEAP_MB = 2_048;
const WORKER_MAX_RSS_BYTES = 2 ** 30;

export interface WorkerProcessesOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly listener: ExecutorListener;
  readonly values: TaskValues;
  readonly clock: Clock;
  readonly log: Log;
  readonly minWorkers: number;
  readonly maxWorkers: number;
  readonly slots: number;
}

/** The worker processes of this machine: those of a server, and those of `millrace worker`. */
export function makeWorkerProcesses({ environment, log, ...options }: WorkerProcessesOptions): LocalExecutor {
  return new LocalExecutor({
    ...options,
    command: { entry: WORKER_ENTRY, env: userCodeEnvironment(environment), maxHeapMb: WORKER_HEAP_MB },
    log: log.child({ part: "executor" }),
    maxRssBytes: WORKER_MAX_RSS_BYTES,
  });
}
