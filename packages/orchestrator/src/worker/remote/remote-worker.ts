import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../../domain/clock.ts";
import { codedMessage } from "../../domain/coded-message.ts";
import { type Executor, type ExecutorListener, type LossReason, type TaskDispatch, type TryResult } from "../../domain/executor.ts";
import type { Frame } from "../../domain/frame-codec.ts";
import type { MillraceError } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import type { Isolation, RemotePlace, SchedulerFrame } from "../../domain/remote-frames.ts";
import { encodeResult } from "../../domain/result-frame.ts";
import type { Service } from "../../domain/service.ts";
import type { TaskValues } from "../../domain/task-values.ts";
import { type TaskPlace, type TryRef, WORKER_PROTOCOL } from "../../domain/worker-frames.ts";
import { BundleStore } from "./bundle-store.ts";
import { KnownScheduler, type RemoteTry } from "./known-scheduler.ts";
import { formatSchedulerAddress, isLoopback, parseSchedulerAddress, type SchedulerAddress } from "../../domain/scheduler-address.ts";
import { SchedulerLink } from "./scheduler-link.ts";
import { SlotShares } from "./slot-shares.ts";

/** The worker processes of this machine. */
export interface ProcessExecutor extends Executor {
  /** Replaces them, each once its tasks have ended. */
  renew(reason: string): void;
}

export interface RemoteWorkerOptions {
  readonly schedulers: readonly SchedulerAddress[];
  readonly ca: readonly string[];
  readonly token: string;
  readonly executor: (listener: ExecutorListener, values: TaskValues) => ProcessExecutor;
  /** Shared tries side by side, and tries with a process to themselves. */
  readonly slots: number;
  readonly processes: number;
  /** Absolute folder that bare imports resolve from. */
  readonly project: string;
  /** SHA-256 of that project's lockfile as it is now; null where it has none. */
  readonly lockfile: () => string | null;
  readonly bundlesFolder: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly protocol?: number;
  readonly clock: Clock;
  readonly log: Log;
  /** No scheduler takes this worker, and it has nothing left to do. */
  readonly onRefused: (error: MillraceError) => void;
}

/** A scheduler that is away for so long has given up what it had here. */
const AWAY_MS = 60_000;
const LOOK_AT_PROJECT_MS = 5_000;
const MAX_SCHEDULERS = 1_000;
/** Of old dag versions, mostly: known again when they are named again. */
const MAX_PLACES = 10_000;

/**
 * Runs tasks for schedulers on other machines, in the worker processes of this one. It has no state but what runs: a
 * result is kept until the scheduler has committed it, also over a lost connection, and offered again; whether it still
 * counts is the scheduler's to say (P4). See remote-frames.ts for who says what.
 */
export class RemoteWorker implements Service, ExecutorListener {
  readonly #options: RemoteWorkerOptions;
  readonly #id = randomUUID().slice(-12);
  readonly #executor: ProcessExecutor;
  readonly #bundles: BundleStore;
  readonly #schedulers = new Map<string, KnownScheduler>();
  /** By their local fences. */
  readonly #tries = new Map<string, RemoteTry>();
  readonly #shares: Readonly<Record<Isolation, SlotShares<KnownScheduler>>>;
  /** Here, and the processes have no room. */
  #waiting: TaskDispatch[] = [];
  readonly #places = new Map<string, TaskPlace>();
  #lockfile: string | null = null;
  #nextFence = 1;
  #isDraining = false;
  #stopped: Promise<void> | null = null;
  #isSettling = false;
  #cancelLook: () => void = () => undefined;
  #onIdle: (() => void) | null = null;

  constructor(options: RemoteWorkerOptions) {
    this.#options = options;
    this.#bundles = new BundleStore(options.bundlesFolder);
    this.#shares = { shared: new SlotShares(options.slots), process: new SlotShares(options.processes) };
    this.#executor = options.executor(this, { get: async (what, id, ref) => this.#getValue(what, id, ref) });
  }

  async start(): Promise<void> {
    this.#lockfile = this.#options.lockfile();
    this.#lookLater();
    await this.#executor.start();
    for (const address of this.#options.schedulers) this.#add(address, true);
  }

  /** Takes no more, waits for what runs and for its results to be taken, within the deadline; then ends the processes. */
  async stop({ deadlineMs = 30_000 }: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#stopped ??= this.#drain(deadlineMs);
    await this.#stopped;
  }

  async #drain(deadlineMs: number): Promise<void> {
    this.#isDraining = true;
    this.#cancelLook();
    for (const scheduler of this.#schedulers.values()) scheduler.send({ type: "draining" });
    if (!this.#isIdle()) await this.#waitUntilIdle(deadlineMs);
    const left = [...this.#schedulers.values()].reduce((sum, { running }) => sum + running.size, 0);
    if (left > 0) this.#options.log.warn("tasks still ran at the end of the drain time: they start again elsewhere", { tasks: left });
    for (const { link, cancelAway } of this.#schedulers.values()) {
      cancelAway?.();
      link.stop({ type: "bye" });
    }
    await this.#executor.stop();
  }

  onStarted(ref: TryRef, at: number): void {
    const tried = this.#tries.get(ref.fence);
    if (tried === undefined || tried.isOrphan) return;
    tried.startedAt = at;
    tried.scheduler.send({ type: "started", ref: tried.ref, at });
  }

  onLog(ref: TryRef, seq: number, chunk: Uint8Array): void {
    const tried = this.#tries.get(ref.fence);
    if (tried !== undefined && !tried.isOrphan) tried.scheduler.log(tried.ref, seq, chunk);
  }

  /** It is in this process's memory now: the one that ran it need not keep it. */
  onResult(ref: TryRef, result: TryResult, acknowledge: () => void): void {
    acknowledge();
    const tried = this.#take(ref);
    if (tried === undefined) return;
    const { header, tail } = encodeResult(tried.ref, result);
    tried.scheduler.end(tried, header, tail);
    this.#settle();
  }

  onLost(ref: TryRef, reason: LossReason): void {
    const tried = this.#take(ref);
    if (tried === undefined) return;
    tried.scheduler.end(tried, { type: "lost", ref: tried.ref, reason }, []);
    this.#settle();
  }

  onRoom(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const dispatch of waiting) this.#run(dispatch);
    this.#settle();
  }

  #add(address: SchedulerAddress, isConfigured: boolean): void {
    const name = formatSchedulerAddress(address);
    if (this.#schedulers.has(name) || this.#schedulers.size >= MAX_SCHEDULERS) return;
    const scheduler = new KnownScheduler((known) => this.#makeLink(address, known), isConfigured);
    this.#schedulers.set(name, scheduler);
    scheduler.link.start();
  }

  #makeLink(address: SchedulerAddress, scheduler: KnownScheduler): SchedulerLink {
    const { ca, token, clock, log, host, pid, project, slots, processes, version, protocol = WORKER_PROTOCOL } = this.#options;
    return new SchedulerLink({
      address,
      ca,
      token,
      clock,
      log,
      hello: () => ({
        protocol,
        version,
        worker: this.#id,
        host,
        pid,
        now: clock.now(),
        project,
        slots,
        processes,
        running: [...scheduler.running.keys()],
        ended: scheduler.ended,
      }),
      isKnown: (id) => [...this.#schedulers.values()].some((other) => other !== scheduler && other.link.scheduler === id),
      beat: () => ({ type: "heartbeat", blocked: this.#countBlocked(), now: clock.now() }),
      onConnected: ({ unknown }) => this.#connected(scheduler, unknown),
      onFrame: (frame) => this.#receive(scheduler, frame),
      onDisconnected: () => this.#disconnected(scheduler),
      onRefused: (error) => this.#refused(error),
    });
  }

  #connected(scheduler: KnownScheduler, unknown: readonly string[]): void {
    scheduler.cancelAway?.();
    scheduler.cancelAway = null;
    scheduler.places.clear();
    this.#abandon(scheduler.resume(unknown), "the scheduler does not wait for them any more");
    if (this.#isDraining) scheduler.send({ type: "draining" });
    else for (const isolation of ISOLATIONS) this.#shares[isolation].join(scheduler);
    this.#settle();
  }

  #disconnected(scheduler: KnownScheduler): void {
    for (const isolation of ISOLATIONS) this.#shares[isolation].leave(scheduler);
    const giveUp = (): void => this.#forget(scheduler, `the scheduler was away for ${AWAY_MS / 1_000} s`);
    scheduler.cancelAway = this.#options.clock.after(AWAY_MS, giveUp);
    this.#settle();
    this.#removeStrangers();
  }

  #refused(error: MillraceError): void {
    const all = [...this.#schedulers.values()];
    if (!this.#isDraining && all.every(({ link, isIdle }) => link.state === "refused" && isIdle)) this.#options.onRefused(error);
  }

  #forget(scheduler: KnownScheduler, reason: string): void {
    this.#abandon(scheduler.forget(reason), reason);
    this.#settle();
  }

  /** Their functions are asked to end; what they come to is dropped. */
  #abandon(orphans: readonly RemoteTry[], reason: string): void {
    if (orphans.length > 0) this.#options.log.warn(`tasks are ended: ${reason}`, { tasks: orphans.length });
    for (const tried of orphans) {
      tried.isOrphan = true;
      this.#executor.cancel(tried.localRef);
    }
  }

  #receive(scheduler: KnownScheduler, { header, tail }: Frame<SchedulerFrame>): void {
    switch (header.type) {
      case "place":
        scheduler.places.set(header.key, { remote: header.place, local: this.#placeOf(header.place) });
        break;
      case "dispatch":
        this.#takeIn(scheduler, header, tail);
        break;
      case "cancel":
        this.#cancel(scheduler, header.ref);
        break;
      case "result_ack":
        scheduler.acknowledged(header.fences);
        this.#settle();
        break;
      case "value":
        scheduler.answered(header, tail);
        break;
      case "want":
        this.#shares[header.isolation].want(scheduler);
        this.#settle();
        break;
      case "give_back":
        this.#shares[header.isolation].giveBack(scheduler, header.count);
        this.#settle();
        break;
      case "peers":
        this.#learn(scheduler, header.schedulers);
        break;
      case "bye":
        this.#options.log.info("a scheduler stops", { scheduler: scheduler.link.name });
        this.#forget(scheduler, "the scheduler stopped");
        break;
      case "heartbeat":
      case "greeting":
      case "welcome":
      case "refused":
        break;
    }
  }

  #takeIn(scheduler: KnownScheduler, header: Extract<SchedulerFrame, { type: "dispatch" }>, tail: Buffer): void {
    const { ref, isolation, timeoutMs, ...rest } = header;
    const place = scheduler.places.get(header.place);
    if (place === undefined) throw new Error(`a dispatch names place ${header.place}, which it never told`);
    const hasCredit = this.#shares[isolation].use(scheduler);
    const release = (): void => void (hasCredit && this.#shares[isolation].end(scheduler));
    const refusal = this.#refusalOf(place.remote, hasCredit);
    if (refusal !== null) {
      release();
      scheduler.send({ type: "returned", ref, ...refusal });
      this.#settle();
      return;
    }
    const localRef = { ...ref, fence: `${this.#nextFence++}` };
    const tried: RemoteTry = { scheduler, ref, localRef, isolation, startedAt: null, isOrphan: false };
    scheduler.running.set(ref.fence, tried);
    this.#tries.set(localRef.fence, tried);
    const dispatch = { ref: localRef, place: place.local, header: { ...rest, ref: localRef }, tail: [tail], isolation, timeoutMs };
    void this.#prepare(tried, place.remote, dispatch);
  }

  #refusalOf({ file, dagId, lockfile }: RemotePlace, hasCredit: boolean) {
    if (this.#isDraining) return { code: "WORKER_DRAINING", message: "the worker takes no more tasks" } as const;
    if (!hasCredit) return { code: "WORKER_FULL", message: "the worker has no slot for it" } as const;
    if (lockfile === null || lockfile === this.#lockfile) return null;
    const { project, host, log } = this.#options;
    const got = this.#lockfile === null ? "none" : shorten(this.#lockfile);
    const message = `LOCKFILE_MISMATCH: expected the lockfile ${shorten(lockfile)} for ${file}, got ${got} in ${project} on ${host}; bring it the server's lockfile and run npm ci in ${project}`;
    log.warn(`a task is not taken: ${message}`, { dag: dagId });
    return { code: "LOCKFILE_MISMATCH", message } as const;
  }

  async #prepare(tried: RemoteTry, { bundleHash }: RemotePlace, dispatch: TaskDispatch): Promise<void> {
    try {
      await this.#bundles.get(bundleHash, async () => (await tried.scheduler.ask(tried.ref, "bundle", bundleHash)).tail);
    } catch (error) {
      const message = codedMessage(error as Error);
      if (!tried.isOrphan) this.#options.log.error(message, { dag: dispatch.place.dagId });
      this.onResult(tried.localRef, failure(message, this.#options.clock.now()), () => undefined);
      return;
    }
    this.#run(dispatch);
  }

  #run(dispatch: TaskDispatch): void {
    if (this.#tries.get(dispatch.ref.fence)?.isOrphan !== false) this.#take(dispatch.ref);
    else if (this.#executor.hasRoom(dispatch.isolation)) this.#executor.dispatch(dispatch);
    else this.#waiting.push(dispatch);
  }

  /** The try is over here; undefined where nobody waits for what it came to. */
  #take(ref: TryRef): RemoteTry | undefined {
    const tried = this.#tries.get(ref.fence);
    if (tried === undefined) return undefined;
    this.#tries.delete(ref.fence);
    this.#shares[tried.isolation].end(tried.scheduler);
    if (!tried.isOrphan) return tried;
    this.#settle();
    return undefined;
  }

  #cancel(scheduler: KnownScheduler, ref: TryRef): void {
    const tried = scheduler.running.get(ref.fence);
    if (tried !== undefined) this.#executor.cancel(tried.localRef);
  }

  #placeOf({ bundleHash, file, dagId, taskId }: RemotePlace): TaskPlace {
    const key = `${bundleHash} ${file} ${dagId} ${taskId}`;
    const { bundlesFolder, project } = this.#options;
    // Bare imports resolve from beside this file, which need not be there.
    const place = this.#places.get(key) ?? { bundle: join(bundlesFolder, `${bundleHash}.mjs`), source: join(project, file), dagId, taskId };
    if (this.#places.size >= MAX_PLACES) this.#places.clear();
    this.#places.set(key, place);
    return place;
  }

  async #getValue(what: "connection" | "variable", id: string, ref: TryRef): Promise<unknown> {
    const tried = this.#tries.get(ref.fence);
    if (tried === undefined || tried.isOrphan)
      throw new Error(`the scheduler does not wait for this task any more: there is no ${what} for it`);
    return (await tried.scheduler.ask(tried.ref, what, id)).value;
  }

  /** Once for all that happens in this turn of the event loop. */
  #settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    setImmediate(() => {
      this.#isSettling = false;
      if (this.#isDraining) {
        if (this.#isIdle()) this.#onIdle?.();
        return;
      }
      for (const isolation of ISOLATIONS) this.#offer(isolation);
    });
  }

  #offer(isolation: Isolation): void {
    // Where a task blocks the processes, no more is taken until they have room again.
    const { offers, reclaims } = this.#shares[isolation].settle(() => this.#executor.hasRoom(isolation));
    for (const [scheduler, count] of offers) scheduler.send({ type: "offer", isolation, count });
    for (const [scheduler, count] of reclaims) scheduler.send({ type: "reclaim", isolation, count });
  }

  #learn(scheduler: KnownScheduler, peers: readonly string[]): void {
    scheduler.peers = peers;
    const teller = parseSchedulerAddress(scheduler.link.name)!;
    for (const text of peers) {
      const address = parseSchedulerAddress(text);
      // The loopback address of another machine is not this one's.
      if (address === undefined || (isLoopback(address) && !isLoopback(teller))) continue;
      this.#add({ ...address, isTls: teller.isTls }, false);
    }
    this.#removeStrangers();
  }

  /** One that was learned of, that nobody names any more, and that does not answer. */
  #removeStrangers(): void {
    const named = new Set([...this.#schedulers.values()].flatMap(({ peers }) => peers));
    for (const [name, { link, isConfigured, isIdle }] of this.#schedulers) {
      if (isConfigured || link.isConnected || !isIdle || named.has(name.replace(/^tls:\/\//, ""))) continue;
      link.stop();
      this.#schedulers.delete(name);
    }
  }

  #lookLater(): void {
    this.#cancelLook = this.#options.clock.after(LOOK_AT_PROJECT_MS, () => {
      this.#lookAtProject();
      this.#lookLater();
    });
  }

  #lookAtProject(): void {
    const lockfile = this.#options.lockfile();
    if (lockfile === this.#lockfile) return;
    this.#lockfile = lockfile;
    this.#options.log.info("the project's lockfile has changed: the worker processes are replaced", { project: this.#options.project });
    this.#executor.renew("has packages of the project as it was before");
    for (const scheduler of this.#schedulers.values()) scheduler.send({ type: "project" });
  }

  #countBlocked(): number {
    return this.#executor.workers().filter(({ state }) => state === "blocked").length;
  }

  #isIdle(): boolean {
    return [...this.#schedulers.values()].every(({ isIdle }) => isIdle);
  }

  async #waitUntilIdle(deadlineMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const cancel = this.#options.clock.after(deadlineMs, resolve);
    await promise;
    cancel();
  }
}

const ISOLATIONS = ["shared", "process"] as const;

/** As much of a hash as people compare. */
function shorten(hash: string): string {
  return hash.slice(0, 12);
}

function failure(message: string, now: number): TryResult {
  const error = { name: "BundleUnavailable", message, stack: "" };
  return {
    outcome: "failed",
    startedAt: null,
    endedAt: now,
    value: null,
    error,
    isPermanent: false,
    log: null,
    outletEvents: [],
    outbox: [],
  };
}
