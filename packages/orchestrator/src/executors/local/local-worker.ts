import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Clock } from "../../domain/clock.ts";
import type { TaskDispatch } from "../../domain/executor.ts";
import { FrameChannel } from "../../domain/frame-channel.ts";
import type { Frame } from "../../domain/frame-codec.ts";
import type { WorkerHealth } from "../../domain/health.ts";
import type { ServerFrame, TaskPlace, TryRef, WorkerFrame } from "../../domain/worker-frames.ts";

/** From the cancel of a try that ran out of time until its process is killed. */
export const CANCEL_GRACE_MS = 1_000;

export interface WorkerTry {
  readonly dispatch: TaskDispatch;
  startedAt: number | null;
  isTimedOut: boolean;
  /** Stops the timer that runs for it. */
  cancelTimer: () => void;
}

export interface LocalWorkerOptions {
  readonly process: ChildProcess;
  readonly isolation: "shared" | "process";
  readonly slots: number;
  readonly clock: Clock;
  onFrame(worker: LocalWorker, frame: Frame<WorkerFrame>): void;
  onTimeout(worker: LocalWorker, tried: WorkerTry): void;
}

/** One worker process: the tries in it and what is known of its health. */
export class LocalWorker {
  readonly process: ChildProcess;
  readonly isolation: "shared" | "process";
  readonly tries = new Map<string, WorkerTry>();
  readonly bundles = new Set<string>();
  /** Why it was killed; null while it lives, or where it died by itself. */
  killedFor: string | null = null;
  /** It was killed because one of its tries, nobody knows which, blocked it. */
  isStuck = false;
  isDraining = false;
  blockedMs = 0;
  /** UTC ms. */
  lastHeartbeatAt: number | null = null;
  readonly #spawnedAt: number;
  readonly #options: LocalWorkerOptions;
  #channel: FrameChannel<ServerFrame, WorkerFrame> | null = null;
  #socket: Socket | null = null;
  #waiting: TaskDispatch[] = [];
  /** Before it said hello. */
  #cancelled: TryRef[] = [];
  /** The places that the worker knows, by their keys. */
  readonly #places = new Map<TaskPlace, number>();
  #acknowledged: string[] = [];

  constructor(options: LocalWorkerOptions) {
    this.#options = options;
    this.process = options.process;
    this.isolation = options.isolation;
    this.#spawnedAt = options.clock.now();
  }

  health(host: string, version: string): WorkerHealth {
    const state = this.isDraining ? "draining" : this.blockedMs > 0 ? "blocked" : this.isConnected ? "connected" : "starting";
    const { tries, process, isolation, lastHeartbeatAt } = this;
    const base = { id: `local-${process.pid}`, host, pid: process.pid ?? 0, version, state, slots: this.#options.slots } as const;
    return { ...base, since: this.#spawnedAt, running: tries.size, lastHeartbeatAt, reason: this.#reason(isolation) };
  }

  #reason(isolation: "shared" | "process"): string | null {
    if (this.isDraining) return "it is replaced once its tasks have ended";
    if (this.blockedMs > 0) return "a task blocks its event loop";
    if (isolation === "process") return "it runs one task alone";
    return this.freeSlots <= 0 ? "all its slots are taken" : null;
  }

  get freeSlots(): number {
    return this.isDraining || this.isStuck || this.blockedMs > 0 || this.killedFor !== null ? 0 : this.#options.slots - this.tries.size;
  }

  get isConnected(): boolean {
    return this.#channel !== null;
  }

  /** The worker said hello on this socket; what was given to it meanwhile goes out now. */
  connect(socket: Socket, workerId: number): void {
    this.#socket = socket;
    this.#channel = new FrameChannel((bytes) => socket.write(bytes));
    this.#channel.send({ type: "welcome", workerId });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const dispatch of waiting) this.#sendDispatch(this.#channel, dispatch);
    for (const ref of this.#cancelled) this.send({ type: "cancel", ref, reason: "stop" });
    this.#cancelled = [];
  }

  receive(frame: Frame<WorkerFrame>): void {
    this.#options.onFrame(this, frame);
  }

  dispatch(dispatch: TaskDispatch): void {
    this.tries.set(dispatch.ref.fence, { dispatch, startedAt: null, isTimedOut: false, cancelTimer: () => undefined });
    this.bundles.add(dispatch.place.bundle);
    if (this.#channel === null) this.#waiting.push(dispatch);
    else {
      this.sendAcknowledgements();
      this.#sendDispatch(this.#channel, dispatch);
    }
  }

  started(ref: TryRef, at: number): void {
    const tried = this.tries.get(ref.fence);
    if (tried === undefined) return;
    tried.startedAt = at;
    const { timeoutMs } = tried.dispatch;
    if (timeoutMs !== null) tried.cancelTimer = this.#options.clock.after(timeoutMs, () => this.#timeOut(tried));
  }

  /** The try is over; undefined where it was not (or no longer) here. */
  take(ref: TryRef): WorkerTry | undefined {
    const tried = this.tries.get(ref.fence);
    tried?.cancelTimer();
    this.tries.delete(ref.fence);
    return tried;
  }

  /** Goes out with the next dispatch or heartbeat: a write of its own after each commit would cost as much as a dispatch. */
  acknowledge(ref: TryRef): void {
    this.#acknowledged.push(ref.fence);
  }

  sendAcknowledgements(): void {
    if (this.#acknowledged.length === 0) return;
    const fences = this.#acknowledged;
    this.#acknowledged = [];
    this.send({ type: "result_ack", fences });
  }

  send(frame: ServerFrame): void {
    this.#channel?.send(frame);
  }

  kill(reason: string): void {
    this.killedFor ??= reason;
    this.process.kill("SIGKILL");
  }

  /** Ends the worker in peace: it has nothing left to do. */
  end(): void {
    this.isDraining = true;
    if (this.#socket === null) this.kill("stopped");
    else this.#socket.end();
  }

  #sendDispatch(channel: FrameChannel<ServerFrame, WorkerFrame>, { place, header, tail }: TaskDispatch): void {
    let key = this.#places.get(place);
    if (key === undefined) {
      key = this.#places.size;
      this.#places.set(place, key);
      channel.send({ type: "place", key, place });
    }
    channel.send({ ...header, place: key }, tail);
  }

  /** Aborts its signal. One that has the process to itself ends with that, where it does not heed it. */
  cancel(tried: WorkerTry): void {
    if (this.isConnected) this.send({ type: "cancel", ref: tried.dispatch.ref, reason: "stop" });
    else this.#cancelled.push(tried.dispatch.ref);
    if (this.isolation === "shared") return;
    tried.cancelTimer();
    tried.cancelTimer = this.#options.clock.after(CANCEL_GRACE_MS, () => this.kill("nobody waits for its task any more"));
  }

  #timeOut(tried: WorkerTry): void {
    tried.isTimedOut = true;
    this.send({ type: "cancel", ref: tried.dispatch.ref, reason: "timeout" });
    tried.cancelTimer = this.#options.clock.after(CANCEL_GRACE_MS, () => this.#options.onTimeout(this, tried));
  }
}
