import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../packages/orchestrator/bin/millrace.js", import.meta.url));

export interface MemberOptions {
  readonly name: string;
  /** Of the `millrace` command. */
  readonly args: readonly string[];
  /** Holds `dags`, `node_modules` and a folder for each member. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The command of another version. */
  readonly bin?: string;
}

/** One `millrace` process, with all that it starts, in a process group of its own. */
export class Member {
  readonly name: string;
  /** Ends that nobody asked for, but that are in order: another process took it for dead. */
  restarts = 0;
  readonly #options: MemberOptions;
  #child: ChildProcess | null = null;
  #isWanted = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.name = options.name;
  }

  get logFile(): string {
    return join(this.#options.folder, `${this.name}.log`);
  }

  start(): void {
    this.#isWanted = true;
    const { args, folder, environment, bin = BIN } = this.#options;
    const home = join(folder, this.name);
    mkdirSync(home, { recursive: true });
    const env = { PATH: process.env["PATH"] ?? "", MILLRACE_HOME: home, MILLRACE_LOG_FORMAT: "json", ...environment };
    const log = openSync(this.logFile, "a");
    const child = spawn(process.execPath, [bin, ...args], { cwd: folder, env, detached: true, stdio: ["ignore", log, log] });
    closeSync(log);
    child.once("close", () => {
      if (this.#child !== child) return;
      this.#child = null;
      // As a service manager would.
      if (!this.#isWanted) return;
      this.restarts += 1;
      setTimeout(() => this.#isWanted && this.#child === null && this.start(), 1_000);
    });
    this.#child = child;
  }

  /** Of the server itself. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** It stands still, with all that it started, and goes on: others may have taken over meanwhile. */
  async freeze(ms: number): Promise<void> {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    signalGroup(pid, "SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, ms));
    signalGroup(pid, "SIGCONT");
  }

  /** To the server alone, not to its children. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  /** `kill -9` of it and of its children, at once. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** SIGTERM to the server alone: it drains. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    const child = this.#child;
    if (child === null) return;
    const late = setTimeout(() => void this.kill(), 45_000);
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGTERM");
    await closed;
    clearTimeout(late);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isWanted = false;
    const child = this.#child;
    if (child?.pid === undefined) return;
    const closed = new Promise((resolve) => child.once("close", resolve));
    signalGroup(child.pid, signal);
    await closed;
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended by itself in this moment.
  }
}
