// A trigger host: runs one trigger of a DAG file for the server at the other end of its pipes, and ends with them.
import { Socket } from "node:net";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { FrameChannel } from "../domain/frame-channel.ts";
import type { HostFrame, HostServerFrame } from "../domain/trigger-host-frames.ts";
import { countTurns } from "./loop-turns.ts";
import { TriggerRun } from "./trigger-run.ts";

const FRAMES_FD = 3;
const HEARTBEAT_FD = 4;

/** This process and what it started: it leads a group of its own, where there are groups. */
const group = process.platform === "win32" ? process.pid : -process.pid;
const pipe = new Socket({ fd: FRAMES_FD });
const channel = new FrameChannel<HostFrame, HostServerFrame>((bytes) => pipe.write(bytes));

/** What was said before goes out first. */
function end(exitCode: number): void {
  channel.flush();
  pipe.end(() => process.exit(exitCode));
}

const run = new TriggerRun({ send: (frame, tail) => channel.send(frame, tail), end });

const workerData = { fd: HEARTBEAT_FD, group, turns: countTurns() };
const thread = new Worker(new URL(`./trigger-heartbeat-thread${extname(import.meta.filename)}`, import.meta.url), { workerData });
thread.unref();

process.on("uncaughtException", (error) => run.fail(error));
process.on("unhandledRejection", (error) => run.fail(error));
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
pipe.on("data", (chunk: Buffer) => {
  for (const { header } of channel.receive(chunk)) run.receive(header);
});
const kill = (): void => void process.kill(group, "SIGKILL");
pipe.on("error", kill);
pipe.on("close", kill);
