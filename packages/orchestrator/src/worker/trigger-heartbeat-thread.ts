import { Socket } from "node:net";
import { workerData } from "node:worker_threads";
import { encodeFrame } from "../domain/frame-codec.ts";
import type { HostHeartbeat } from "../domain/trigger-host-frames.ts";
import { TurnWatch } from "./loop-turns.ts";

const INTERVAL_MS = 250;

const { fd, group, turns } = workerData as { readonly fd: number; readonly group: number; readonly turns: SharedArrayBuffer };
const watch = new TurnWatch(turns);
const pipe = new Socket({ fd });

function beat(): void {
  const heartbeat: HostHeartbeat = { rssBytes: process.memoryUsage.rss(), blockedMs: watch.look().blockedMs };
  pipe.write(encodeFrame(heartbeat));
}

setInterval(beat, INTERVAL_MS);
// The main thread may be blocked and never notice that the server is gone; what it started goes with it.
const end = (): void => void process.kill(group, "SIGKILL");
pipe.on("error", end);
pipe.on("close", end);
pipe.resume();
