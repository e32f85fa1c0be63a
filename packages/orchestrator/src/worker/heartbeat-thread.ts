import { createConnection } from "node:net";
import { workerData } from "node:worker_threads";
import { encodeFrame } from "../domain/frame-codec.ts";
import { WORKER_PROTOCOL, type WorkerFrame } from "../domain/worker-frames.ts";
import type { HeartbeatData } from "./heartbeat.ts";
import { TurnWatch } from "./loop-turns.ts";

const INTERVAL_MS = 250;

const { options, pid, turns } = workerData as HeartbeatData;
const watch = new TurnWatch(turns);
const socket = createConnection(options.socketPath);
const send = (frame: WorkerFrame): void => void socket.write(encodeFrame(frame));

function beat(): void {
  send({ type: "heartbeat", ...watch.look(), rssBytes: process.memoryUsage.rss() });
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
