import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { type Server, type Socket, createServer } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../domain/clock.ts";
import type { Executor, ExecutorListener, LossReason, TaskDispatch } from "../../domain/executor.ts";
import { type Frame, FrameDecoder } from "../../domain/frame-codec.ts";
import type { WorkerHealth } from "../../domain/health.ts";
import type { Log } from "../../domain/log.ts";
import { decodeResult } from "../../domain/result-frame.ts";
import type { TaskValues } from "../../domain/task-values.ts";
import { type TryRef, WORKER_PROTOCOL, type WorkerFrame } from "../../domain/worker-frames.ts";
import { LocalWorker, type WorkerTry } from "./local-worker.ts";
import { type WorkerCommand, spawnWorker } from "./spawn-worker.ts";
import { lossOf, timeoutResult } from "./try-reports.ts";

export interface LocalExecutorOptions {
  readonly command: WorkerCommand;
  readonly version: string;
  readonly listener: ExecutorListener;
  readonly values: TaskValues;
  readonly clock: Clock;
  readonly log: Log;
  readonly minWorkers: number;
  /** Of shared workers; and, again, of those that run one task alone. */
  readonly maxWorkers: number;
  /** Tries that one shared worker runs side by side. */
  readonly slots: number;
  /** A worker that grew above this is replaced once its tries have ended. */
  readonly maxRssBytes: number;
  /** A worker whose event loop is blocked for so long is killed where other tries wait in it. */
  readonly stuckMs?: number;
}

/** Modules are never unloaded, so a worker that has seen this many bundles is replaced. */
const MAX_BUNDLES = 50;
const BLOCKED_MS = 1_000;
const DEFAULT_STUCK_MS = 30_000;
/** All slots taken for this long: another worker helps. */
const GROW_AFTER_MS = 1_000;
const RESPAWN_MS = 1_000;

/** Warm worker processes on this machine, over a Unix socket. */
export class LocalExecutor implements Executor {
  readonly workerAddress = null;
  readonly #options: LocalExecutorOptions;
  readonly #workers = new Set<LocalWorker>();
  readonly #token = randomBytes(24).toString("base64url");
  readonly #folder: string;
  readonly #server: Server;
  #nextWorkerId = 1;
  #isStopping = false;
  #isDraining = false;
  #cancelGrowth: (() => void) | null = null;

  constructor(options: LocalExecutorOptions) {
    this.#options = options;
    // In the system's temp folder: the path of a socket has at most 107 bytes. mkdtemp makes it 0700.
    this.#folder = mkdtempSync(join(tmpdir(), "millrace-"));
    this.#server = createServer((socket) => this.#greet(socket));
  }

  get isConnected(): boolean {
    return !this.#isStopping && [...this.#workers].some((worker) => worker.isolation === "shared" && worker.isConnected);
  }

  get #socketPath(): string {
    return join(this.#folder, "workers.sock");
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#socketPath, resolve);
    });
    while (this.#count("shared") < this.#options.minWorkers) this.#spawn("shared");
  }

  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#cancelGrowth?.();
    const exits = [...this.#workers].map((worker) => new Promise((resolve) => worker.process.once("exit", resolve)));
    for (const worker of this.#workers) {
      if (worker.tries.size === 0) worker.end();
      else worker.kill("the server stopped");
    }
    await Promise.all(exits);
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  hasRoom(isolation: "shared" | "process"): boolean {
    if (this.#isStopping || this.#isDraining) return false;
    if (this.#findFree(isolation) !== undefined) return true;
    if (isolation === "process") return this.#count("process") < this.#options.maxWorkers;
    this.#growLater();
    return false;
  }

  dispatch(dispatch: TaskDispatch): void {
    const worker = this.#findFree(dispatch.isolation) ?? this.#findAny(dispatch.isolation) ?? this.#spawn(dispatch.isolation);
    worker.dispatch(dispatch);
  }

  /** How many slots of the workers it may have are taken, from 0 to 1. */
  load(isolation: "shared" | "process"): number {
    let running = 0;
    for (const worker of this.#workers) if (worker.isolation === isolation) running += worker.tries.size;
    return running / (this.#options.maxWorkers * (isolation === "shared" ? this.#options.slots : 1));
  }

  cancel(ref: TryRef): void {
    for (const worker of this.#workers) {
      const tried = worker.tries.get(ref.fence);
      if (tried !== undefined) worker.cancel(tried);
    }
  }

  /** What it was given has all begun: nothing is to be given back. */
  drain(): void {
    this.#isDraining = true;
  }

  setPeers(): void {
    // Its workers are this scheduler's alone.
  }

  /** Replaces the workers, each once its tasks have ended: what they have imported is not what the project has any more. */
  renew(reason: string): void {
    // A copy: those that take their places join the set.
    Array.from(this.#workers).forEach((worker) => this.#retire(worker, reason));
  }

  workers(): readonly WorkerHealth[] {
    return [...this.#workers].map((worker) => worker.health(hostname(), this.#options.version));
  }

  #findFree(isolation: "shared" | "process"): LocalWorker | undefined {
    let best: LocalWorker | undefined;
    for (const worker of this.#workers) {
      if (worker.isolation !== isolation || worker.freeSlots <= 0) continue;
      if (best === undefined || worker.freeSlots > best.freeSlots) best = worker;
    }
    return best;
  }

  /** For a dispatch that comes later than the question for room: one try too many is better than a worker too many. */
  #findAny(isolation: "shared" | "process"): LocalWorker | undefined {
    return isolation === "process" ? undefined : [...this.#workers].find((worker) => worker.isolation === "shared" && !worker.isDraining);
  }

  #count(isolation: "shared" | "process"): number {
    return [...this.#workers].filter((worker) => worker.isolation === isolation && !worker.isDraining).length;
  }

  #growLater(): void {
    if (this.#cancelGrowth !== null || this.#count("shared") >= this.#options.maxWorkers) return;
    this.#cancelGrowth = this.#options.clock.after(GROW_AFTER_MS, () => {
      this.#cancelGrowth = null;
      if (this.#findFree("shared") === undefined) this.#grow();
    });
  }

  #grow(): void {
    if (this.#isStopping || this.#count("shared") >= this.#options.maxWorkers) return;
    this.#spawn("shared");
    this.#options.listener.onRoom();
  }

  #spawn(isolation: "shared" | "process"): LocalWorker {
    const slots = isolation === "shared" ? this.#options.slots : 1;
    const { command, version, clock, log } = this.#options;
    const process = spawnWorker(command, { socketPath: this.#socketPath, token: this.#token, slots, version }, log);
    const worker = new LocalWorker({
      process,
      isolation,
      slots,
      clock,
      onFrame: (from, frame) => this.#receive(from, frame),
      onTimeout: (from, tried) => this.#killFor(from, tried),
    });
    this.#workers.add(worker);
    process.once("exit", (code, signal) => this.#bury(worker, code, signal));
    return worker;
  }

  /** Tells workers and their heartbeat threads apart from anything else that finds the socket. */
  #greet(socket: Socket): void {
    let worker: LocalWorker | undefined;
    const decoder = new FrameDecoder<WorkerFrame>();
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const frame of decoder.push(chunk)) {
          if (worker !== undefined) worker.receive(frame);
          else worker = this.#admit(socket, frame.header);
          if (worker === undefined) return;
        }
      } catch (error) {
        this.#options.log.error("a worker sent what is no frame", { error: (error as Error).message });
        worker?.kill("it broke the worker protocol");
        socket.destroy();
      }
    });
  }

  #admit(socket: Socket, hello: WorkerFrame): LocalWorker | undefined {
    const worker =
      hello.type === "hello" && hello.token === this.#token
        ? [...this.#workers].find(({ process }) => process.pid === hello.pid)
        : undefined;
    if (worker === undefined || hello.type !== "hello" || hello.protocol !== WORKER_PROTOCOL) {
      const got = hello.type === "hello" ? `protocol ${hello.protocol}, version ${hello.version}` : `a frame '${hello.type}'`;
      this.#options.log.error(`a worker was refused: expected hello with protocol ${WORKER_PROTOCOL}, got ${got}`);
      socket.destroy();
      return undefined;
    }
    if (hello.role === "worker") {
      worker.connect(socket, this.#nextWorkerId++);
      this.#options.listener.onRoom();
    }
    return worker;
  }

  #receive(worker: LocalWorker, { header, tail }: Frame<WorkerFrame>): void {
    const { listener } = this.#options;
    switch (header.type) {
      case "started":
        worker.started(header.ref, header.at);
        listener.onStarted(header.ref, header.at);
        break;
      case "log":
        // The tail shares the socket's memory, which the commit outlives.
        listener.onLog(header.ref, header.seq, Buffer.from(tail));
        break;
      case "result":
        this.#finish(worker, header, tail);
        break;
      case "heartbeat":
        this.#checkHealth(worker, header);
        break;
      case "get":
        void this.#answer(worker, header);
        break;
      case "hello":
        break;
    }
  }

  #finish(worker: LocalWorker, header: Extract<WorkerFrame, { type: "result" }>, tail: Buffer): void {
    const tried = worker.take(header.ref);
    if (tried === undefined) return;
    const decoded = decodeResult(header, tail);
    const result = tried.isTimedOut ? timeoutResult(tried, this.#options.clock.now(), decoded.log) : decoded;
    this.#options.listener.onResult(header.ref, result, () => worker.acknowledge(header.ref));
    this.#retireIfWorn(worker);
    this.#options.listener.onRoom();
  }

  async #answer(worker: LocalWorker, { request, what, id, ref }: Extract<WorkerFrame, { type: "get" }>): Promise<void> {
    try {
      worker.send({ type: "value", request, value: await this.#options.values.get(what, id, ref), error: null });
    } catch (error) {
      worker.send({ type: "value", request, value: null, error: (error as Error).message });
    }
  }

  #checkHealth(worker: LocalWorker, { blockedMs, rssBytes }: Extract<WorkerFrame, { type: "heartbeat" }>): void {
    worker.sendAcknowledgements();
    worker.lastHeartbeatAt = this.#options.clock.now();
    const wasBlocked = worker.blockedMs > 0;
    worker.blockedMs = blockedMs > BLOCKED_MS ? blockedMs : 0;
    if (worker.blockedMs > 0 && !wasBlocked) {
      const tasks = [...worker.tries.values()].map(({ dispatch }) => `${dispatch.place.dagId}.${dispatch.place.taskId}`);
      const hint = 'move the work to a task with `isolation: "process"`, or make it asynchronous';
      this.#options.log.warn("a task blocks its worker's event loop", { tasks: [...new Set(tasks)].slice(0, 10), blockedMs, hint });
      if (worker.isolation === "shared") this.#grow();
    }
    if (worker.blockedMs > (this.#options.stuckMs ?? DEFAULT_STUCK_MS) && worker.tries.size > 1) this.#freeFrom(worker);
    if (wasBlocked && worker.blockedMs === 0) this.#options.listener.onRoom();
    if (rssBytes > this.#options.maxRssBytes) this.#retire(worker, `uses ${Math.round(rssBytes / 2 ** 20)} MiB`);
  }

  /** Which of its tries blocks it cannot be seen from outside: each goes on alone, and only that one in vain. */
  #freeFrom(worker: LocalWorker): void {
    if (worker.isStuck) return;
    worker.isStuck = true;
    this.#options.log.warn("a worker that a task blocks is killed: the other tasks in it would wait for ever", {
      tries: worker.tries.size,
    });
    worker.process.kill("SIGKILL");
  }

  #retireIfWorn(worker: LocalWorker): void {
    if (worker.bundles.size > MAX_BUNDLES) this.#retire(worker, `has loaded ${worker.bundles.size} bundles`);
    if (worker.isDraining && worker.tries.size === 0) worker.end();
  }

  #retire(worker: LocalWorker, reason: string): void {
    if (worker.isDraining) return;
    this.#options.log.info(`a worker ${reason}: it ends once its tasks have`, { worker: worker.process.pid });
    worker.isDraining = true;
    if (worker.isolation === "shared" && this.#count("shared") < this.#options.minWorkers) this.#spawn("shared");
    if (worker.tries.size === 0) worker.end();
  }

  /** The only way to end a function that does not heed its signal. */
  #killFor(worker: LocalWorker, tried: WorkerTry): void {
    const { ref, place } = tried.dispatch;
    // Killed already for another one: this one is reported when the process is gone.
    if (!worker.tries.has(ref.fence) || worker.killedFor !== null) return;
    this.#options.log.warn("a task did not end within its timeout: its worker is killed", { dag: place.dagId, task: place.taskId });
    worker.take(ref);
    worker.kill(`the timeout of ${place.dagId}.${place.taskId}`);
    this.#options.listener.onResult(ref, timeoutResult(tried, this.#options.clock.now(), null), () => undefined);
  }

  #bury(worker: LocalWorker, code: number | null, signal: NodeJS.Signals | null): void {
    this.#workers.delete(worker);
    const lost = [...worker.tries.values()];
    const reason = lossOf(worker, lost.length, code, signal);
    if (!this.#isStopping && (lost.length > 0 || !worker.isConnected))
      this.#options.log.warn(reason.text, { worker: worker.process.pid, tries: lost.length });
    for (const tried of lost) {
      tried.cancelTimer();
      if (!this.#isStopping) this.#reportLost(tried, reason);
    }
    this.#respawn(worker);
  }

  /** One whose own time was over is not given it again: tries that hang together would kill each other's worker for ever. */
  #reportLost(tried: WorkerTry, reason: LossReason): void {
    const { clock, listener } = this.#options;
    const { ref } = tried.dispatch;
    if (tried.isTimedOut) listener.onResult(ref, timeoutResult(tried, clock.now(), null), () => undefined);
    else listener.onLost(ref, reason);
  }

  #respawn(worker: LocalWorker): void {
    if (this.#isStopping || worker.isolation === "process") return;
    const spawn = (): void => {
      if (!this.#isStopping && this.#count("shared") < this.#options.minWorkers) this.#spawn("shared");
      this.#options.listener.onRoom();
    };
    // One that never said hello would do the same again at once.
    if (worker.isConnected) spawn();
    else this.#options.clock.after(RESPAWN_MS, spawn);
  }
}
