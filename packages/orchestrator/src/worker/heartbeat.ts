import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { WorkerOptions } from "../domain/worker-options.ts";
import { countTurns } from "./loop-turns.ts";

export interface HeartbeatData {
  readonly options: WorkerOptions;
  readonly pid: number;
  /** Int32: how often the main thread's event loop has turned. */
  readonly turns: SharedArrayBuffer;
}

/** Heartbeats come from a thread, so that they go on, and tell, while a task blocks the event loop. */
export function startHeartbeat(options: WorkerOptions): Worker {
  const workerData: HeartbeatData = { options, pid: process.pid, turns: countTurns() };
  return new Worker(new URL(`./heartbeat-thread${extname(import.meta.filename)}`, import.meta.url), { workerData });
}
