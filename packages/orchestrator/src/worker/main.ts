// A worker process: runs task functions for the server at the other end of a socket, and ends when that closes.
import { createConnection } from "node:net";
import { FrameChannel } from "../domain/frame-channel.ts";
import { type ServerFrame, WORKER_PROTOCOL, type WorkerFrame } from "../domain/worker-frames.ts";
import { BundleCache } from "./bundle-cache.ts";
import { captureConsole } from "./console-capture.ts";
import { captureUncaughtErrors } from "./current-try.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { takeWorkerOptions } from "../domain/worker-options.ts";
import { TaskRunner } from "./task-runner.ts";

const options = takeWorkerOptions(process.env);
const socket = createConnection(options.socketPath);
const channel = new FrameChannel<WorkerFrame, ServerFrame>((bytes) => socket.write(bytes));
const runner = new TaskRunner({ send: (frame, tail) => channel.send(frame, tail), bundles: new BundleCache() });

captureConsole();
captureUncaughtErrors();

socket.on("connect", () => {
  const { slots, token, version } = options;
  channel.send({ type: "hello", protocol: WORKER_PROTOCOL, version, slots, token, pid: process.pid, role: "worker" });
  startHeartbeat(options);
});
socket.on("data", (chunk: Buffer) => {
  for (const { header, tail } of channel.receive(chunk)) runner.receive(header, tail);
});
// The server died, or let this worker go: what it did not acknowledge is run again elsewhere (P5).
socket.on("error", () => process.exit(0));
socket.on("close", () => process.exit(0));
// Ctrl-C reaches the whole terminal group, systemd's SIGTERM every process of the service; the server decides when workers end.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
