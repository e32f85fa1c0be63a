import { createConnection } from "node:net";
import { workerData } from "node:worker_threads";
import { encodeFrame } from "../domain/frame-codec.ts";
import { WORKER_PROTOCOL, type WorkerFrame } from "../domain/worker-frames.ts";
import type { HeartbeatData } from "./heartbeat.ts";

const INTERVAL_MS = 250;

const { options, pid, turns } = workerData as HeartbeatData;
const view = new Int32Array(turns);
const socket = createConnection(options.socketPath);
const send = (frame: WorkerFrame): void => void socket.write(encodeFrame(frame));

let lastTurns = 0;
let lastTurnAt = performance.now();

function beat(): void {
  const now = performance.now();
  const current = Atomics.load(view, 0);
  if (current !== lastTurns) lastTurnAt = now;
  lastTurns = current;
  send({ type: "heartbeat", turns: current, rssBytes: process.memoryUsage.rss(), blockedMs: Math.round(now - lastTurnAt) });
}

socket.on("connect", () => {
  const { slots, token, version } = options;
  send({ type: "hello", protocol: WORKER_PROTOCOL, version, slots, token, pid, role: "heartbeat" });
  setInterval(beat, INTERVAL_MS);
});
// The main thread may be blocked and never notice that the server is gone.
const end = (): void => void process.kill(pid, "SIGKILL");
socket.on("error", end);
socket.on("close", end);
