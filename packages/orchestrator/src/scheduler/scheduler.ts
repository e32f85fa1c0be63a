import type { Clock } from "../domain/clock.ts";
import type { Cluster, OwnLoad, RunNotice } from "../domain/cluster.ts";
import type { Committer, InboxRow, NewRun } from "../domain/committer.ts";
import type { DagVersion, Definitions } from "../domain/definitions.ts";
import { activateRun } from "../domain/adopt-run.ts";
import type { Executor, ExecutorListener, LossReason, TryResult } from "../domain/executor.ts";
import type { Log } from "../domain/log.ts";
import type { ActiveRun, ActiveTask } from "../domain/run.ts";
import {
  applyStep,
  beginRun,
  dispatchTask,
  endTask,
  failUnstorableRun,
  giveUpRun,
  loseTask,
  MAX_RESCUES,
  recordRunning,
  type RunStep,
  scheduleTask,
  startTask,
} from "../domain/run-step.ts";
import type { InboxStore, RunStore } from "../domain/run-store.ts";
import type { Service } from "../domain/service.ts";
import type { TryRef } from "../domain/worker-frames.ts";
import { ActiveRuns } from "./active-runs.ts";
import { Backlog } from "./backlog.ts";
import { buildDispatch } from "./build-dispatch.ts";
import { outcomeOf } from "./build-outcome.ts";
import { DispatchQueue, type ReadyTask } from "./dispatch-queue.ts";
import { InFlight } from "./in-flight.ts";
import { Inbox } from "./inbox.ts";
import { type DueRetry, RunLoader } from "./run-loader.ts";
import { TimerQueue } from "./timer-queue.ts";

export interface SchedulerOptions {
  readonly committer: Committer;
  readonly store: RunStore;
  readonly inboxStore: InboxStore;
  /** Known once the scheduler, its listener, exists. */
  readonly executor: (listener: ExecutorListener) => Executor;
  readonly definitions: () => Definitions;
  /** Of a run that was just made: its version is in memory. */
  readonly knownVersion: (id: number) => DagVersion | undefined;
  /** Versions that runs may still be on; older ones are read from the metadata DB. */
  readonly findVersion: (id: number) => Promise<DagVersion>;
  readonly bundlesFolder: string;
  readonly cluster: Cluster;
  /** Unstarted runs of one trigger at which its stream pauses. */
  readonly backlogLimit: number;
  /** Events that wait for one DAG at which the streams that bring them pause. */
  readonly inboxLimit: number;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Told when a run has ended, after its commit. */
  readonly onRunEnd?: (run: ActiveRun) => void;
}

/** A try that has lasted this long gets its row, and its run shows as running. */
const RECORD_AFTER_MS = 1_000;

/**
 * Advances runs. Active runs are in memory and the metadata DB is their log: a report from a worker becomes, by a pure step, rows and
 * ready tasks; the rows go into the next commit, and after it the tasks to the executor. What does not fit into memory (ActiveRuns) or
 * waits for a retry is in the metadata DB alone, and is read when there is room or when it is due; recovery is the same, from the start.
 */
export class Scheduler implements Service, ExecutorListener {
  readonly backlog: Backlog;
  readonly inbox: Inbox;
  readonly executor: Executor;
  readonly #options: SchedulerOptions;
  readonly #runs = new ActiveRuns();
  /** Steps of a run whose commit, or what follows from it, is still to come. */
  readonly #unstored = new Map<ActiveRun, number>();
  readonly #inFlight = new InFlight();
  /** Of paused DAGs. */
  #parked: ReadyTask[] = [];
  readonly #queues = { shared: new DispatchQueue(), process: new DispatchQueue() };
  readonly #loader: RunLoader;
  readonly #retries: TimerQueue<DueRetry>;
  #nextFence = 1;
  #isStarted = false;
  #isDraining = false;
  #cancelTick: (() => void) | null = null;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.backlog = new Backlog(options.backlogLimit);
    const { committer, inboxStore, definitions, cluster, clock, log } = options;
    this.inbox = new Inbox({ committer, store: inboxStore, definitions, cluster, limit: options.inboxLimit, clock, log });
    this.#loader = new RunLoader({
      store: options.store,
      findVersion: options.findVersion,
      hasRoom: (dag) => this.#runs.hasRoom(dag),
      isLow: (dag) => this.#runs.isLow(dag),
      isInMemory: (id) => this.#runs.has(id),
      onRead: () => this.#pump(),
      clock,
      log,
      admit: (run, dueBy) => this.#admit(run, dueBy),
    });
    this.#retries = new TimerQueue(options.clock, (due) => this.#resume(due));
    this.executor = options.executor(this);
  }

  /** Takes over what earlier processes left unfinished. */
  async start(): Promise<void> {
    await this.executor.start();
    for (const [triggerId, count] of await this.#options.store.countUnstarted()) this.backlog.add(triggerId, count);
    await this.#loader.rescueAll();
    await this.inbox.start();
    this.#isStarted = true;
    this.#loader.refill();
    this.#scheduleTick();
  }

  /** Dispatches nothing more, waits for the tries under way, then ends the workers. What is left is resumed at the next start. */
  async stop({ deadlineMs = 30_000 }: { readonly deadlineMs?: number } = {}): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#cancelTick?.();
    this.#retries.stop();
    this.#loader.stop();
    this.inbox.stop();
    this.executor.drain();
    await this.#inFlight.idle(this.#options.clock, deadlineMs);
    if (this.#inFlight.size > 0) this.#interrupt();
    await this.#options.committer.flush();
    await this.executor.stop();
  }

  /** Runs that a commit of this process made. */
  onRuns(runs: readonly NewRun[]): void {
    for (const run of runs) {
      // What is made before the start is read by it.
      if (!this.#isStarted) continue;
      this.backlog.add(run.triggerId, 1);
      this.inbox.onRunCreated(run.dag);
      const version = this.#options.knownVersion(run.versionId);
      const isFull = this.#loader.isBehind(run.dag) || !this.#runs.hasRoom(run.dag);
      if (isFull || run.events === null || version === undefined) this.#loader.leave(run.dag, run.id);
      else this.#admit(activateRun(run, run.events, version), 0);
    }
    this.#loader.refill();
    this.#pump();
  }

  onInbox(rows: readonly InboxRow[]): void {
    this.inbox.onInbox(rows);
  }

  /** Runs that are this process's from now on: another made them for it, or died. */
  onGivenRuns(runs: readonly RunNotice[]): void {
    if (!this.#isStarted) return;
    for (const { dag, triggerId, count, fromRun } of runs) {
      this.backlog.add(triggerId, count);
      this.#loader.leave(dag, fromRun);
    }
    this.#loader.refill();
  }

  /** What a lost notification would have told; ids below `fromId` are known. */
  async sweep(fromId: number): Promise<void> {
    if (!this.#isStarted || this.#isDraining) return;
    await this.#loader.sweep(fromId);
    await this.backlog.correct(() => this.#options.store.countUnstarted());
    await this.inbox.sweep(fromId);
  }

  /** What the other processes are told of this one. */
  ownLoad(): OwnLoad {
    const triggers = [...this.#options.definitions().triggers.keys()];
    const fullTriggers = triggers.filter((id) => this.backlog.isFull(id) || this.inbox.isFull(id));
    return { load: this.backlog.total, fullTriggers, address: this.executor.workerAddress };
  }

  /** The definitions have changed: DAGs may be paused, or not any more, or have another schedule. */
  onDefinitions(): void {
    this.inbox.refresh();
    const parked = this.#parked;
    this.#parked = [];
    for (const { run, index } of parked) this.#queues[this.#isolationOf(run, index)].push({ run, index });
    this.#pump();
  }

  onStarted(ref: TryRef, at: number): void {
    const ready = this.#inFlight.get(ref.fence);
    if (ready !== undefined) ready.run.tasks[ready.index] = startTask(ready.run.tasks[ready.index]!, at);
  }

  onLog(ref: TryRef, seq: number, chunk: Uint8Array): void {
    if (this.#inFlight.get(ref.fence) === undefined) return;
    const { runId, taskIndex, mapIndex, try: number } = ref;
    const logs = [{ taskIndex, mapIndex, try: number, seq, chunk }];
    const writes = { runId, run: null, taskInstances: [], tries: [], logs, outletEvents: [], outbox: [] };
    this.#options.committer.write(writes).catch((error: Error) => this.#options.log.warn("lines of a task's log were dropped", { error }));
  }

  onResult(ref: TryRef, result: TryResult, acknowledge: () => void): void {
    const ready = this.#inFlight.take(ref.fence);
    if (ready === undefined) {
      acknowledge();
      return;
    }
    const outcome = outcomeOf(ref, result, this.#options.definitions());
    const step = endTask(ready.run, ready.index, outcome, (this.#options.random ?? Math.random)());
    void this.#commit(ready.run, step).then(acknowledge);
  }

  onLost(ref: TryRef, reason: LossReason): void {
    const ready = this.#inFlight.take(ref.fence);
    if (ready === undefined) return;
    void this.#commit(ready.run, loseTask(ready.run, ready.index, reason, this.#options.clock.now()));
  }

  onRoom(): void {
    this.#pump();
  }

  /** Once a second: what has lasted gets its rows. */
  tick(): void {
    const lasting = this.#inFlight.lasting(this.#options.clock.now() - RECORD_AFTER_MS);
    for (const [run, indexes] of lasting) void this.#commit(run, recordRunning(run, indexes, this.#options.clock.now()));
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#options.clock.after(RECORD_AFTER_MS, () => {
      this.tick();
      this.#scheduleTick();
    });
  }

  #admit(run: ActiveRun, dueBy: number): void {
    if (this.#runs.has(run.id)) return;
    this.#runs.add(run);
    const now = this.#options.clock.now();
    if (run.rescues > MAX_RESCUES) {
      void this.#commit(run, giveUpRun(run, now));
      return;
    }
    const step = beginRun(run, now);
    if (step.run.state === "success" || step.run.state === "failed") void this.#commit(run, step);
    else this.#begin(run, step, Math.max(now, dueBy));
  }

  #begin(run: ActiveRun, step: RunStep, dueBy: number): void {
    applyStep(run, step);
    for (const index of step.ready) this.#enqueue(run, index);
    this.#enqueueDue(run, dueBy);
    for (const { state, dueAt } of run.tasks) if (state === "up_for_retry") this.#retryAt(run, dueAt!);
    this.#evictIfWaiting(run);
  }

  /** Memory first, then the commit, then what follows from it: so two reports in one turn see each other. */
  async #commit(run: ActiveRun, step: RunStep): Promise<void> {
    const isOver = applyStep(run, step);
    this.#runs.measure(run);
    const isStored = hasRows(step);
    if (isStored) {
      this.#unstored.set(run, (this.#unstored.get(run) ?? 0) + 1);
      try {
        await this.#options.committer.write(step.writes);
      } catch (error) {
        await this.#failUnstorable(run, step, error as Error);
        return;
      }
    }
    for (const index of step.ready) this.#enqueue(run, index);
    if (step.retry !== null) this.#retryAt(run, run.tasks[step.retry]!.dueAt!);
    if (isStored) this.#markStored(run);
    if (isOver) this.#end(run);
    else this.#evictIfWaiting(run);
    this.#pump();
  }

  /** What a task reported can be nothing that a database takes: that run ends, the others never notice. */
  async #failUnstorable(run: ActiveRun, { tasks }: RunStep, error: Error): Promise<void> {
    const { committer, clock, log } = this.#options;
    log.error("the outcome of a task cannot be stored: its run fails", { run: run.id, error: error.message });
    for (const index of tasks.keys()) run.tasks[index] = forgetOutcome(run.tasks[index]!);
    run.startedAt = null;
    this.#inFlight.forget(run);
    const step = failUnstorableRun(run, clock.now(), error);
    applyStep(run, step);
    await committer.write(step.writes).catch(() => log.error("nor can its failure: it is tried again at the next start", { run: run.id }));
    this.#markStored(run);
    this.#end(run);
    this.#pump();
  }

  #markStored(run: ActiveRun): void {
    const left = this.#unstored.get(run)! - 1;
    if (left === 0) this.#unstored.delete(run);
    else this.#unstored.set(run, left);
  }

  #end(run: ActiveRun): void {
    this.#markStarted(run);
    this.#runs.delete(run);
    this.inbox.onRunEnd(run.dag);
    this.#options.onRunEnd?.(run);
    this.#loader.refill();
  }

  /** A run that only waits for a retry takes no memory until it is due. What the metadata DB does not have yet stays. */
  #evictIfWaiting(run: ActiveRun): void {
    const isWaiting = run.tasks.some(({ state }) => state === "up_for_retry");
    if (!isWaiting || this.#unstored.has(run)) return;
    if (run.tasks.some(({ state }) => state === "scheduled" || state === "queued" || state === "running")) return;
    this.#runs.delete(run);
    this.#loader.refill();
  }

  #retryAt({ id, dag }: ActiveRun, dueAt: number): void {
    this.#retries.add(dueAt, { runId: id, dag, dueAt });
  }

  #resume(due: readonly DueRetry[]): void {
    for (const retry of due) {
      const run = this.#runs.get(retry.runId);
      if (run === undefined) this.#loader.resume(retry);
      else this.#enqueueDue(run, retry.dueAt);
    }
    this.#loader.refill();
    this.#pump();
  }

  #enqueueDue(run: ActiveRun, dueBy: number): void {
    run.tasks.forEach((task, index) => {
      if (task.state === "up_for_retry" && (task.dueAt ?? 0) <= dueBy) this.#enqueue(run, index);
    });
  }

  #enqueue(run: ActiveRun, index: number): void {
    run.tasks[index] = scheduleTask(run.tasks[index]!);
    this.#queues[this.#isolationOf(run, index)].push({ run, index });
  }

  #isolationOf(run: ActiveRun, index: number): "shared" | "process" {
    return run.tasks[index]!.isIsolated ? "process" : run.version.snapshot.tasks[index]!.isolation;
  }

  /** Hands out what waits, as far as there is room. */
  #pump(): void {
    if (this.#isDraining) return;
    for (const isolation of ["shared", "process"] as const) {
      const queue = this.#queues[isolation];
      while (queue.size > 0 && this.executor.hasRoom(isolation)) this.#dispatch(queue.take()!);
    }
  }

  #dispatch(ready: ReadyTask): void {
    const { run, index } = ready;
    if (run.state === "failed") return;
    if (this.#options.definitions().paused.has(run.dag)) {
      this.#parked.push(ready);
      return;
    }
    const fence = `${this.#options.cluster.processId}:${this.#nextFence++}`;
    const now = this.#options.clock.now();
    run.tasks[index] = dispatchTask(run.tasks[index]!, fence, now);
    this.#inFlight.add(fence, { run, index });
    this.#markStarted(run);
    const dispatch = buildDispatch(run, index, this.#options.bundlesFolder);
    if (!run.isRescued) {
      this.executor.dispatch(dispatch);
      return;
    }
    // Recorded first: a task that takes the server down with it is found out by this row.
    run.tasks[index] = startTask(run.tasks[index], now);
    void this.#commit(run, recordRunning(run, [index], now)).then(() => this.executor.dispatch(dispatch));
  }

  #markStarted(run: ActiveRun): void {
    if (!run.isUnstarted) return;
    run.isUnstarted = false;
    this.backlog.remove(run.triggerId);
  }

  /** The stop, not the task, ends these tries: the next start is not to take them for ones that brought the server down. */
  #interrupt(): void {
    this.#options.log.warn("tasks still ran at the end of the drain time: they start again with the server", {
      tasks: this.#inFlight.size,
    });
    const now = this.#options.clock.now();
    for (const { run, index } of this.#inFlight.all()) run.tasks[index] = { ...run.tasks[index]!, state: "queued" };
    for (const { run, index } of this.#inFlight.all()) void this.#commit(run, recordRunning(run, [index], now));
  }
}

function hasRows({ writes }: RunStep): boolean {
  const { run, taskInstances, logs, tries } = writes;
  return run !== null || taskInstances.length > 0 || logs.length > 0 || tries.length > 0;
}

function forgetOutcome(task: ActiveTask): ActiveTask {
  return { ...task, state: task.try > 0 ? "running" : null, startedAt: null, dueAt: null, value: null };
}
