import { readFile } from "node:fs/promises";
import type { Executor, ExecutorListener, LossReason, TaskDispatch, TryResult } from "../../domain/executor.ts";
import type { Frame } from "../../domain/frame-codec.ts";
import type { WorkerHealth } from "../../domain/health.ts";
import { DEAD_AFTER_MS } from "../../domain/liveness.ts";
import type { Isolation, RemoteHello, RemoteWorkerFrame } from "../../domain/remote-frames.ts";
import { decodeResult } from "../../domain/result-frame.ts";
import type { TaskValues } from "../../domain/task-values.ts";
import type { TryRef } from "../../domain/worker-frames.ts";
import { ConnectedWorker } from "./connected-worker.ts";
import type { CloseReason } from "./worker-connection.ts";
import { type AdmittedWorker, WorkerListener, type WorkerListenerOptions } from "./worker-listener.ts";

export interface RemoteExecutorOptions extends WorkerListenerOptions {
  readonly listener: ExecutorListener;
  readonly values: TaskValues;
  /** SHA-256 of the lockfile of the project that a DAG file lies in; null where it has none. */
  readonly lockfileOf: (source: string) => string | null;
}

/** Tries that no connected worker fits; with more, the scheduler keeps them. */
const MAX_WAITING = 100;
const MAX_REFUSED = 20;

const LOST = { isSuspect: false, isolate: false } as const;

/**
 * Workers on other machines. A try is pushed to a worker that has offered room for it; what happens to it there is the
 * local executor's work, on that machine. A worker that was cut off keeps its tries for DEAD_AFTER_MS: it comes back and
 * says what it still has. Later they are lost, and go elsewhere under new fences.
 */
export class RemoteExecutor implements Executor {
  readonly #options: RemoteExecutorOptions;
  readonly #listener: WorkerListener;
  readonly #workers = new Map<string, ConnectedWorker>();
  /** Workers that know the token and cannot be used, newest last. */
  readonly #refused = new Map<string, WorkerHealth>();
  #waiting: TaskDispatch[] = [];
  #peers: readonly string[] = [];
  #isDraining = false;
  #isStopping = false;

  constructor(options: RemoteExecutorOptions) {
    this.#options = options;
    this.#listener = new WorkerListener(options, {
      onWorker: (admitted) => this.#admit(admitted),
      onRefused: (hello, message) => this.#noteRefused(hello, message),
    });
  }

  get isConnected(): boolean {
    return !this.#isStopping && [...this.#workers.values()].some((worker) => worker.isConnected && !worker.isDraining);
  }

  /** null before the start. */
  get workerAddress(): string | null {
    return this.#listener.address;
  }

  /** @throws {MillraceError} PORT_IN_USE, CONFIG_INVALID */
  async start(): Promise<void> {
    await this.#listener.start();
  }

  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.drain();
    this.#isStopping = true;
    for (const worker of this.#workers.values()) {
      worker.cancelLease?.();
      worker.leave();
    }
    await this.#listener.stop();
  }

  drain(): void {
    this.#isDraining = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { ref } of waiting) this.#options.listener.onLost(ref, { ...LOST, text: "the scheduler stops" });
  }

  hasRoom(isolation: Isolation): boolean {
    if (this.#isDraining || this.#waiting.length >= MAX_WAITING) return false;
    let hasRoom = false;
    for (const worker of this.#workers.values()) hasRoom ||= worker.free(isolation) > 0;
    if (!hasRoom) for (const worker of this.#workers.values()) worker.want(isolation);
    return hasRoom;
  }

  /** How many of the slots it may fill are taken, from 0 to 1. */
  load(isolation: Isolation): number {
    let [free, running] = [0, 0];
    for (const worker of this.#workers.values()) {
      free += worker.free(isolation);
      running += worker.tries.size;
    }
    return free === 0 ? 1 : running / (running + free);
  }

  dispatch(dispatch: TaskDispatch): void {
    if (this.#place(dispatch)) return;
    if (this.#isDraining) this.#options.listener.onLost(dispatch.ref, { ...LOST, text: "the scheduler stops" });
    else this.#waiting.push(dispatch);
  }

  cancel(ref: TryRef): void {
    for (const worker of this.#workers.values()) if (worker.tries.has(ref.fence)) worker.send({ type: "cancel", ref });
  }

  workers(): readonly WorkerHealth[] {
    return [...[...this.#workers.values()].map((worker) => worker.health()), ...this.#refused.values()];
  }

  setPeers(schedulers: readonly string[]): void {
    if (schedulers.join() === this.#peers.join()) return;
    this.#peers = schedulers;
    for (const worker of this.#workers.values()) worker.sendPeers(schedulers);
  }

  /** False where no worker has room for it, or none that has the lockfile of its project. */
  #place(dispatch: TaskDispatch): boolean {
    const lockfile = this.#options.lockfileOf(dispatch.place.source);
    let best: ConnectedWorker | undefined;
    for (const worker of this.#workers.values()) {
      const free = worker.free(dispatch.isolation);
      if (free === 0 || (lockfile !== null && worker.mismatches.has(lockfile))) continue;
      if (best === undefined || free > best.free(dispatch.isolation)) best = worker;
    }
    best?.dispatch(dispatch, lockfile);
    return best !== undefined;
  }

  #placeWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const dispatch of waiting) this.dispatch(dispatch);
    this.#options.listener.onRoom();
  }

  #admit(admitted: AdmittedWorker): void {
    const { hello, connection } = admitted;
    const { clock, log } = this.#options;
    const worker = this.#workers.get(hello.worker) ?? new ConnectedWorker(hello, clock.now());
    this.#workers.set(worker.id, worker);
    this.#refused.delete(worker.id);
    worker.cancelLease?.();
    worker.cancelLease = null;
    const kept = new Set([...hello.running, ...hello.ended]);
    worker.connect(
      admitted,
      [...kept].filter((fence) => !worker.tries.has(fence)),
      clock.now(),
    );
    if (this.#peers.length > 0) worker.sendPeers(this.#peers);
    connection.handlers = {
      onFrame: (frame) => this.#receive(worker, frame),
      onClose: (reason, text) => this.#disconnected(worker, reason, text),
    };
    log.info("a worker has connected", { worker: worker.name, from: connection.remoteAddress, version: hello.version });
    this.#lose(worker, (fence) => !kept.has(fence), { ...LOST, text: "the connection to the worker was cut before it had the task" });
  }

  #noteRefused({ worker: id, host, pid, version, slots }: RemoteHello, reason: string): void {
    const since = this.#options.clock.now();
    this.#refused.set(id, { id, host, pid, version, state: "refused", since, slots, running: 0, lastHeartbeatAt: null, reason });
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > MAX_REFUSED) this.#refused.delete(oldest!);
  }

  #disconnected(worker: ConnectedWorker, reason: CloseReason, text: string): void {
    worker.disconnect(this.#options.clock.now());
    if (this.#isStopping) return;
    this.#options.log.warn(`a worker is cut off: ${text}`, { worker: worker.name, tasks: worker.tries.size });
    // Closed by the machine it ran on: it may have been its only task that ended it.
    const loss = {
      isSuspect: reason === "closed" && worker.tries.size === 1,
      isolate: false,
      text: `the worker ${worker.name} was lost: ${text}`,
    };
    if (reason === "silent") this.#bury(worker, loss);
    else worker.cancelLease = this.#options.clock.after(DEAD_AFTER_MS, () => this.#bury(worker, loss));
  }

  #bury(worker: ConnectedWorker, reason: LossReason): void {
    worker.disconnect(this.#options.clock.now());
    worker.cancelLease?.();
    this.#workers.delete(worker.id);
    if (worker.tries.size > 0) this.#options.log.warn(`${reason.text}: its tasks start again elsewhere`, { tasks: worker.tries.size });
    this.#lose(worker, () => true, reason);
  }

  #lose(worker: ConnectedWorker, which: (fence: string) => boolean, reason: LossReason): void {
    for (const [fence, { ref }] of worker.tries) {
      if (!which(fence)) continue;
      worker.tries.delete(fence);
      this.#options.listener.onLost(ref, reason);
    }
  }

  #receive(worker: ConnectedWorker, { header, tail }: Frame<RemoteWorkerFrame>): void {
    const { listener, clock } = this.#options;
    switch (header.type) {
      case "started":
        if (worker.tries.has(header.ref.fence)) listener.onStarted(header.ref, header.at + worker.clockOffsetMs);
        break;
      case "log":
        if (worker.tries.has(header.ref.fence)) listener.onLog(header.ref, header.seq, Buffer.from(tail));
        break;
      case "result":
        this.#finish(worker, header, tail);
        break;
      case "lost":
        worker.acknowledge(header.ref.fence);
        if (worker.tries.delete(header.ref.fence)) listener.onLost(header.ref, header.reason);
        break;
      case "returned":
        this.#takeBack(worker, header);
        break;
      case "offer":
        worker.offer(header.isolation, header.count);
        this.#placeWaiting();
        break;
      case "reclaim":
        worker.giveBack(header.isolation, header.count);
        break;
      case "get":
        void this.#answer(worker, header);
        break;
      case "heartbeat":
        worker.beat(header.blocked, header.now, clock.now());
        break;
      case "project":
        worker.mismatches.clear();
        this.#placeWaiting();
        break;
      case "draining":
        worker.drain(clock.now());
        this.#options.log.info("a worker takes no more tasks: it ends once those it has have ended", { worker: worker.name });
        break;
      case "bye":
        this.#options.log.info("a worker has ended", { worker: worker.name, tasks: worker.tries.size });
        this.#bury(worker, { ...LOST, text: `the worker ${worker.name} was stopped` });
        break;
      case "hello":
        break;
    }
  }

  #finish(worker: ConnectedWorker, header: Extract<RemoteWorkerFrame, { type: "result" }>, tail: Buffer): void {
    const dispatch = worker.tries.get(header.ref.fence);
    if (dispatch === undefined) {
      worker.acknowledge(header.ref.fence);
      return;
    }
    const result = shift(decodeResult(header, tail), worker.clockOffsetMs);
    worker.tries.delete(header.ref.fence);
    this.#options.listener.onResult(dispatch.ref, result, () => worker.acknowledge(header.ref.fence));
  }

  #takeBack(worker: ConnectedWorker, { ref, code, message }: Extract<RemoteWorkerFrame, { type: "returned" }>): void {
    const dispatch = worker.tries.get(ref.fence);
    worker.tries.delete(ref.fence);
    if (dispatch === undefined) return;
    if (code === "LOCKFILE_MISMATCH") this.#noteMismatch(worker, this.#options.lockfileOf(dispatch.place.source), message);
    if (code === "WORKER_DRAINING") worker.isDraining = true;
    this.dispatch(dispatch);
  }

  #noteMismatch(worker: ConnectedWorker, lockfile: string | null, message: string): void {
    if (lockfile === null || worker.mismatches.has(lockfile)) return;
    worker.mismatches.set(lockfile, message);
    this.#options.log.warn(`a worker does not take tasks of a project: ${message}`, { worker: worker.name });
  }

  async #answer(worker: ConnectedWorker, { request, ref, what, id }: Extract<RemoteWorkerFrame, { type: "get" }>): Promise<void> {
    try {
      const dispatch = worker.tries.get(ref.fence);
      if (dispatch === undefined) throw new Error(`the scheduler does not wait for this try: it gives it no ${what}`);
      if (what !== "bundle") {
        worker.send({ type: "value", request, value: await this.#options.values.get(what, id, dispatch.ref), error: null });
        return;
      }
      const path = worker.findBundle(id);
      if (path === null) throw new Error(`expected a bundle of a task that this worker was given, got '${id}'`);
      const text = await readFile(path);
      worker.send({ type: "value", request, value: null, error: null }, [text]);
    } catch (error) {
      worker.send({ type: "value", request, value: null, error: (error as Error).message });
    }
  }
}

/** By this machine's clock: a retry is due some time after the end of the try before it. */
function shift(result: TryResult, byMs: number): TryResult {
  const { startedAt, endedAt } = result;
  return byMs === 0 ? result : { ...result, startedAt: startedAt === null ? null : startedAt + byMs, endedAt: endedAt + byMs };
}
