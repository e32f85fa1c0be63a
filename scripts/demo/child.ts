import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { DemoError } from "./demo-error.ts";

export interface ChildOptions {
  /** What people call it in an error. */
  readonly name: string;
  /** A script for this same Node, and its arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called once, when the process ends without `stop`. */
  readonly onEarlyExit: (error: DemoError) => void;
}

const KEPT_LINES = 30;
const STOP_WITHIN_MS = 40_000;
const SETPRIV = "/usr/bin/setpriv";
const running = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * A process that ends when this one does. It leads a group of its own, so that Ctrl-C in the terminal reaches only the
 * demo, which then stops its parts in order.
 */
export class Child implements AsyncDisposable {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #output: string[] = [];
  readonly #lineListeners = new Set<(line: string) => void>();
  readonly #ended = Promise.withResolvers<DemoError>();
  #isStopping = false;

  constructor({ name, args, env, onEarlyExit }: ChildOptions) {
    this.#name = name;
    const [file, prefix] = existsSync(SETPRIV) ? [SETPRIV, ["--pdeathsig", "TERM", process.execPath]] : [process.execPath, []];
    this.#process = spawn(file, [...prefix, ...args], { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    running.add(this.#process);
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) createInterface(stream).on("line", (line) => this.#onLine(line));
    this.#process.once("error", (error) => this.#end(`could not be started: ${error.message}`, onEarlyExit));
    // `close` comes after the last line of output.
    this.#process.once("close", (code, signal) => this.#end(`ended with ${signal ?? `exit code ${code}`}`, onEarlyExit));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The first match in a line that it prints from now on. @throws {DemoError} where it ends before. */
  async waitForLine(pattern: RegExp): Promise<RegExpExecArray> {
    const { promise, resolve } = Promise.withResolvers<RegExpExecArray>();
    const listener = (line: string): void => {
      const match = pattern.exec(line);
      if (match !== null) resolve(match);
    };
    this.#lineListeners.add(listener);
    const found = await Promise.race([promise, this.#ended.promise]);
    this.#lineListeners.delete(listener);
    if (found instanceof DemoError) throw found;
    return found;
  }

  /** SIGTERM, and SIGKILL where that does not help. Harmless when it has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (!running.has(this.#process)) return;
    this.#process.kill("SIGTERM");
    const lastResort = setTimeout(() => this.#process.kill("SIGKILL"), STOP_WITHIN_MS);
    await this.#ended.promise;
    clearTimeout(lastResort);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #onLine(line: string): void {
    this.#output.push(line);
    if (this.#output.length > KEPT_LINES) this.#output.shift();
    for (const listener of this.#lineListeners) listener(line);
  }

  #end(how: string, onEarlyExit: (error: DemoError) => void): void {
    running.delete(this.#process);
    const lines = this.#output.length === 0 ? "it printed nothing" : `its last lines:\n${this.#output.join("\n")}`;
    const error = new DemoError(`${this.#name} ${how}; ${lines}`, "the lines above say why");
    this.#ended.resolve(error);
    if (!this.#isStopping) onEarlyExit(error);
  }
}
