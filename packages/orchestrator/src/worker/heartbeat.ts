import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { WorkerOptions } from "../domain/worker-options.ts";

const TURN_MS = 100;

export interface HeartbeatData {
  readonly options: WorkerOptions;
  readonly pid: number;
  /** Int32: how often the main thread's event loop has turned. */
  readonly turns: SharedArrayBuffer;
}

/** Heartbeats come from a thread, so that they go on, and tell, while a task blocks the event loop. */
export function startHeartbeat(options: WorkerOptions): Worker {
  const turns = new SharedArrayBuffer(4);
  const view = new Int32Array(turns);
  setInterval(() => Atomics.add(view, 0, 1), TURN_MS);
  const workerData: HeartbeatData = { options, pid: process.pid, turns };
  return new Worker(new URL(`./heartbeat-thread${extname(import.meta.filename)}`, import.meta.url), { workerData });
}
