import { strict as assert } from "node:assert";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "@millrace/test-services";
import { BIN, type Project, type ServerProcess } from "./standalone-process.ts";

const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));

export interface WorkerStart {
  /** Where schedulers are, `host:port`. */
  readonly schedulers: readonly string[];
  readonly token?: string;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** `millrace worker` as a process, with a home and a project of its own. */
export class WorkerProcess {
  readonly child: ChildProcess;
  readonly home: string;
  readonly project: string;
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  log = "";

  constructor(t: TestContext, { schedulers, token, args = [], environment = {} }: WorkerStart) {
    const folder = mkdtempSync(join(tmpdir(), "millrace-worker-"));
    this.home = join(folder, "home");
    this.project = join(folder, "project");
    mkdirSync(this.project);
    symlinkSync(NODE_MODULES, join(this.project, "node_modules"));
    const flags = schedulers.flatMap((scheduler) => ["--scheduler", scheduler]);
    const env = {
      PATH: process.env["PATH"] ?? "",
      MILLRACE_HOME: this.home,
      ...(token && { MILLRACE_WORKER_TOKEN: token }),
      ...environment,
    };
    this.child = spawn(process.execPath, [BIN, "worker", "--processes", "1", ...flags, ...args], {
      cwd: this.project,
      env,
      stdio: ["ignore", "inherit", "pipe"],
    });
    this.child.stderr!.on("data", (chunk) => (this.log += String(chunk)));
    this.exited = new Promise((resolve) => this.child.once("close", (code, signal) => resolve(code ?? signal ?? "")));
    t.after(async () => {
      await this.kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    });
  }

  async connected(times = 1): Promise<void> {
    await eventually(() => {
      assert.equal(this.child.exitCode, null, `the worker ended: ${this.log}`);
      assert.ok(this.log.split("connected to a scheduler").length > times, this.log);
    });
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | string> {
    this.child.kill(signal);
    return this.exited;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.exited;
  }
}

/** Where a server takes workers. */
export function workerAddress(server: ServerProcess): string {
  return /^Workers +connect to (\S+?)(?:;| )/m.exec(server.out)?.[1] ?? "";
}

/** The token that the server made up. */
export function workerToken({ home }: Project): string {
  return readFileSync(join(home, "worker.token"), "utf8").trim();
}

/** Flags of a server whose tasks run on other machines alone. */
export const REMOTE_ONLY = ["--port", "0", "--worker-port", "0", "--local-workers", "0"];
