import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Clock } from "../domain/clock.ts";
import type { EvaluatedFile, EvaluationFailure, EvaluationReply, EvaluationRequest } from "../domain/evaluation.ts";
import type { Log } from "../domain/log.ts";

/** How an evaluation ended. The last three took the child with them. */
export type Ending =
  | { readonly type: "evaluated"; readonly file: EvaluatedFile }
  | { readonly type: "failed"; readonly failure: EvaluationFailure }
  | { readonly type: "timeout" }
  | { readonly type: "memory" }
  | { readonly type: "exit"; readonly code: number | null; readonly signal: string | null };

export interface EvaluationChildOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** Node's flags: the permissions and the heap's limit. */
  readonly arguments: readonly string[];
  readonly timeLimitMs: number;
  /** Of the whole process, where the system tells it (Linux). */
  readonly residentLimitMb: number;
  readonly clock: Clock;
  readonly log: Log;
}

const ENTRY = fileURLToPath(new URL(`../worker/evaluate-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));
const MEMORY_CHECK_MS = 50;
const KEPT_OUTPUT_CHARS = 8_192;
const OUT_OF_MEMORY = /heap out of memory|Reached heap limit|allocation failed/i;

/** A process that imports DAG files. After an ending of its own it is of no more use. */
export class EvaluationChild {
  /** True until it has imported something: what fails then fails by its own doing. */
  isFresh = true;
  readonly #options: EvaluationChildOptions;
  readonly #process: ChildProcess;
  readonly #ready: Promise<void>;
  #output = "";
  #requests = 0;
  #end: ((ending: Ending) => void) | null = null;

  constructor(options: EvaluationChildOptions) {
    this.#options = options;
    this.#process = start(options);
    this.#ready = new Promise((resolve) => {
      this.#process.once("message", () => resolve());
      this.#process.once("close", () => resolve());
      this.#process.once("error", () => resolve());
    });
    this.#listen();
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null && this.#process.connected;
  }

  /** One at a time. Never rejects. */
  async evaluate(bundleUrl: string, sourcePath: string): Promise<Ending> {
    await this.#ready;
    this.isFresh = false;
    const id = (this.#requests += 1);
    const ended = new Promise<Ending>((resolve) => {
      this.#end = resolve;
    });
    if (!this.isAlive) return this.#exit();
    const request: EvaluationRequest = { id, bundleUrl: `${bundleUrl}?evaluation=${id}`, sourcePath };
    // A channel that breaks means an exit, which is reported on its own.
    this.#process.send(request, () => undefined);
    const stopLimits = this.#watchLimits();
    const ending = await ended;
    stopLimits();
    this.#end = null;
    if (ending.type === "timeout" || ending.type === "memory") this.#process.kill("SIGKILL");
    return ending;
  }

  /** Harmless when it is gone. */
  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const closed = new Promise((resolve) => this.#process.once("close", resolve));
    if (this.#process.kill("SIGKILL")) await closed;
  }

  #listen(): void {
    const child = this.#process;
    child.on("message", (reply) => this.#onReply(reply as EvaluationReply));
    child.on("error", (error) => {
      this.#output += error.message;
      this.#end?.({ type: "exit", code: null, signal: null });
    });
    child.on("close", () => this.#end?.(this.#exit()));
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => this.#onOutput(text));
  }

  #onReply(reply: EvaluationReply): void {
    if (reply.type === "ready" || reply.id !== this.#requests) return;
    this.#end?.(reply);
  }

  #onOutput(text: string): void {
    this.#output = (this.#output + text).slice(-KEPT_OUTPUT_CHARS);
    this.#options.log.debug("a DAG file printed while it was imported", { text: text.trimEnd() });
  }

  #exit(): Ending {
    if (OUT_OF_MEMORY.test(this.#output)) return { type: "memory" };
    return { type: "exit", code: this.#process.exitCode, signal: this.#process.signalCode };
  }

  #watchLimits(): () => void {
    const { clock, timeLimitMs } = this.#options;
    const stopTimer = clock.after(timeLimitMs, () => this.#end?.({ type: "timeout" }));
    let stopCheck = (): void => undefined;
    const check = (): void => {
      void this.#isOverResidentLimit().then((isOver) => {
        if (isOver) this.#end?.({ type: "memory" });
      });
      stopCheck = clock.after(MEMORY_CHECK_MS, check);
    };
    if (process.platform === "linux") check();
    return () => {
      stopTimer();
      stopCheck();
    };
  }

  /** Buffers lie outside the heap, so its limit alone would not do. */
  async #isOverResidentLimit(): Promise<boolean> {
    const status = await readFile(`/proc/${this.#process.pid}/status`, "utf8").catch(() => "");
    const kilobytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    return kilobytes > this.#options.residentLimitMb * 1024;
  }
}

/**
 * Under a limit of CPU time: a child in an endless loop cannot notice that its parent was killed, and would outlive it.
 */
/** Where it is there (Linux), the child ends with the server, however that ends: one in an endless loop would not notice. */
const SETPRIV = "/usr/bin/setpriv";

function start(options: EvaluationChildOptions): ChildProcess {
  const node = [process.execPath, ...options.arguments, ENTRY];
  const command = existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "KILL", ...node] : node;
  const cpuSeconds = Math.ceil((10 * options.timeLimitMs) / 1000);
  const limited = ["/bin/sh", "-c", 'ulimit -t "$0"; exec "$@"', String(cpuSeconds), ...command];
  const [program = "", ...rest] = process.platform === "win32" ? command : limited;
  return spawn(program, rest, { env: options.environment, stdio: ["ignore", "pipe", "pipe", "ipc"] });
}
