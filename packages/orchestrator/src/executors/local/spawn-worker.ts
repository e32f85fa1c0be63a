import { type ChildProcess, spawn } from "node:child_process";
import type { Log } from "../../domain/log.ts";
import { readLines } from "../../telemetry/read-lines.ts";
import { type WorkerOptions, workerEnvironment } from "../../domain/worker-options.ts";

export interface WorkerCommand {
  /** Absolute path of worker/main. */
  readonly entry: string;
  /** All that the worker's environment holds: the allow-list, no secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** MiB of JavaScript heap. */
  readonly maxHeapMb: number;
}

/** Starts a worker process; what it writes outside of a task goes to the server's log. */
export function spawnWorker(command: WorkerCommand, options: WorkerOptions, log: Log): ChildProcess {
  const flags = [`--max-old-space-size=${command.maxHeapMb}`, "--enable-source-maps", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...flags, command.entry], {
    env: { ...command.env, ...workerEnvironment(options) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of ["stdout", "stderr"] as const) {
    readLines(child[stream], (line) => log.info(line, { worker: child.pid, stream }));
  }
  return child;
}
