import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Log } from "../../domain/log.ts";
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

/** A longer line comes in pieces: a task that writes without end must not fill the server's memory. */
const MAX_LINE = 16 * 1024;

function readLines(input: Readable, onLine: (line: string) => void): void {
  let rest = "";
  input.setEncoding("utf8");
  input.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) inPieces(line, onLine);
    if (rest.length > MAX_LINE) {
      inPieces(rest, onLine);
      rest = "";
    }
  });
  input.on("end", () => {
    if (rest !== "") inPieces(rest, onLine);
  });
}

function inPieces(line: string, onLine: (line: string) => void): void {
  for (let at = 0; at < line.length; at += MAX_LINE) onLine(line.slice(at, at + MAX_LINE));
}
