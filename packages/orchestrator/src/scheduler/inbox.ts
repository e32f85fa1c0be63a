import type { Clock } from "../domain/clock.ts";
import type { Cluster, InboxNotice } from "../domain/cluster.ts";
import { type Committer, type FoldWrites, type InboxRow, ShardLost } from "../domain/committer.ts";
import { DECISION_CODES } from "../domain/decision.ts";
import type { DagEntry, Definitions } from "../domain/definitions.ts";
import type { Log } from "../domain/log.ts";
import type { FoldedRun } from "../domain/pattern-fold.ts";
import type { InboxStore } from "../domain/run-store.ts";
import { InboxLane } from "./inbox-lane.ts";
import { type FullInbox, PendingCounts } from "./pending-counts.ts";
import { TimerQueue } from "./timer-queue.ts";

export interface InboxOptions {
  readonly committer: Committer;
  readonly store: InboxStore;
  readonly definitions: () => Definitions;
  readonly cluster: Cluster;
  /** Events of one asset that wait for one DAG at which the streams that bring them pause. */
  readonly limit: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Unfinished runs of a DAG without a limit of its own: above it, its events wait as events, not as runs. */
const MAX_UNFINISHED = 2_000;
/** Runs that one commit starts. */
const RUNS_PER_FOLD = 500;
const RETRY_AFTER_MS = 5_000;
const SHARDS = 64;
/** Under which nothing is ever stored. */
const NO_EPOCH = -1;
/** A sweep takes at most one part in so many of the time. */
const SWEEP_SHARE = 50;

/**
 * The inboxes of all DAGs whose events the ingest does not decide: it folds them by the DAG's pattern into runs, as many
 * as its limit has room for, and starts the runs that it is time for. What a DAG's lane holds is read from the metadata
 * DB, and again where its version changed; only the rows themselves are the truth.
 */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #lanes = new Map<number, InboxLane>();
  readonly #pending = new PendingCounts();
  readonly #unfinished = new Map<number, number>();
  readonly #timers: TimerQueue<number>;
  /** The instant that a DAG's timer is set to. */
  readonly #armed = new Map<number, number>();
  readonly #dirty = new Set<number>();
  /** To be looked at when what is being done with their rows is done. */
  readonly #skipped = new Set<number>();
  /** DAGs whose rows are being read, or that a commit is about to take: one after another. */
  readonly #busy = new Map<number, Promise<void>>();
  /** Of every DAG, by its id. */
  readonly #shards = new Map<number, number>();
  #room = Promise.withResolvers<void>();
  #sweepAgainAt = 0;
  /** Rows from this one on have not been looked at by any sweep. */
  #unswept = Number.POSITIVE_INFINITY;
  #isRunning = false;
  #isScheduled = false;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#timers = new TimerQueue(options.clock, (dags) => dags.forEach((dag) => this.#onTime(dag)));
  }

  /** Before any run or row of this process is told. */
  async start(): Promise<void> {
    await this.#recount();
    this.#isRunning = true;
    this.refresh();
  }

  stop(): void {
    this.#isRunning = false;
    this.#timers.stop();
  }

  /** Shards were gained or lost: what waits in those that were gained is folded here from now on. */
  async onShards(): Promise<void> {
    if (!this.#isRunning) return;
    await this.#recount();
    this.refresh();
  }

  /** The definitions have changed. */
  refresh(): void {
    if (!this.#isRunning) return;
    const { definitions, store, clock, cluster } = this.#options;
    const now = clock.now();
    const { dags } = definitions();
    this.#shards.clear();
    for (const dag of dags.values()) {
      this.#shards.set(dag.id, dag.shard);
      const epoch = cluster.shardEpoch(dag.shard);
      const known = this.#lanes.get(dag.id);
      if (epoch === null) this.#lanes.delete(dag.id);
      else if (known?.versionId === dag.version.id && known.epoch === epoch) {
        if (known.setPaused(dag.isPaused, now)) this.#touch(dag.id);
      } else {
        const lane = new InboxLane(dag, store, epoch);
        if (known?.isPaused && !dag.isPaused) lane.skipMissedTimes(now);
        this.#lanes.set(dag.id, lane);
        this.#touch(dag.id);
      }
    }
    for (const id of this.#lanes.keys()) if (!this.#shards.has(id)) this.#lanes.delete(id);
  }

  /** Rows that a commit of this process has stored; those of others' shards are told to them. */
  onInbox(rows: readonly InboxRow[]): void {
    const { cluster } = this.#options;
    for (const row of rows) {
      if (cluster.shardEpoch(row.shard) === null) {
        const notice = { dag: row.dag, assetId: row.assetId, count: 1, fromRow: row.rowId };
        cluster.tellHolder(row.shard, { kind: "inbox", rows: [notice] });
        continue;
      }
      this.#pending.add(row.dag, row.assetId, 1);
      this.#lanes.get(row.dag)?.offer(row);
      this.#touch(row.dag);
    }
  }

  /** Rows that another process has stored. */
  onNotice(rows: readonly InboxNotice[]): void {
    for (const { dag, assetId, count, fromRow } of rows) {
      this.#pending.add(dag, assetId, count);
      this.#lanes.get(dag)?.rewind(fromRow);
      this.#touch(dag);
    }
  }

  /** Runs of these DAGs have ended in another process. */
  async onEndedElsewhere(dags: readonly number[]): Promise<void> {
    for (const dag of dags) {
      if (!this.#lanes.has(dag)) continue;
      this.#unfinished.set(dag, (await this.#options.store.countUnfinished(dag)).get(dag) ?? 0);
      this.#touch(dag);
    }
  }

  /** What a lost notification would have told: rows from this id on may be unknown here. */
  async sweep(fromRow: number): Promise<void> {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    this.#unswept = Math.min(this.#unswept, fromRow);
    if (!this.#isRunning || startedAt < this.#sweepAgainAt) return;
    const from = this.#unswept;
    this.#unswept = Number.POSITIVE_INFINITY;
    try {
      await this.#recount();
    } catch (error) {
      this.#unswept = Math.min(this.#unswept, from);
      throw error;
    }
    // Shards may have been gained while they could not be counted.
    this.refresh();
    // A long inbox is counted more seldom.
    this.#sweepAgainAt = clock.monotonic() + SWEEP_SHARE * (clock.monotonic() - startedAt);
    for (const [dag, lane] of this.#lanes) {
      const isWaiting = this.#pending.ofDag(dag) > 0;
      if (isWaiting) {
        lane.rewind(from);
        lane.checkDrop();
      }
      // The end of a run that had taken all room may have been told in vain.
      if (isWaiting || lane.hasTimeParts) this.#touch(dag);
    }
  }

  onRunCreated(dag: number): void {
    this.#countUnfinished(dag, 1);
  }

  onRunEnd(dag: number): void {
    const { cluster } = this.#options;
    const shard = this.#shards.get(dag);
    if (shard !== undefined && cluster.shardEpoch(shard) === null) cluster.tellHolder(shard, { kind: "ended", dags: [dag] });
    this.#countUnfinished(dag, -1);
    if (this.#pending.ofDag(dag) > 0 || this.#lanes.get(dag)?.hasTimeParts) this.#touch(dag);
  }

  /** Events that wait for a DAG. */
  async pendingOf(dag: number): Promise<number> {
    return this.#lanes.has(dag) ? this.#pending.ofDag(dag) : this.#options.store.countOf(dag);
  }

  /**
   * null while there is room in every inbox that a trigger's messages go to; else resolves when there may be again. Each
   * asset has room of its own: a join whose one side has filled up still gets the other.
   */
  waitForRoom(triggerId: number): Promise<void> | null {
    return this.isFull(triggerId) ? this.#room.promise : null;
  }

  isFull(triggerId: number): boolean {
    return this.fullFor(triggerId).length > 0;
  }

  fullFor(triggerId: number): readonly FullInbox[] {
    return this.#pending.fullFor(this.#options.definitions().triggers.get(triggerId), this.#options.limit);
  }

  /** Gives up all that waits for a DAG now; what comes while it does is not meant. Another's DAG is left to its holder. */
  async drop(dag: DagEntry, reason: string): Promise<void> {
    const { store, cluster } = this.#options;
    if (cluster.shardEpoch(dag.shard) === null) {
      await store.requestDrop(dag.id);
      cluster.tellHolder(dag.shard, { kind: "drop", dag: dag.id });
      return;
    }
    const newest = await store.newestRow(dag.id);
    while (await this.#alone(dag.id, async () => this.#dropPage(dag, newest, reason)));
    this.#lanes.delete(dag.id);
    this.refresh();
  }

  /** Another process wants what waits for a DAG to be given up. */
  onDropRequested(dag: number): void {
    this.#lanes.get(dag)?.checkDrop();
    this.#touch(dag);
  }

  /** True where there may be more. */
  async #dropPage(dag: DagEntry, newest: number, reason: string): Promise<boolean> {
    const { store, committer, cluster } = this.#options;
    const rows = (await store.read(dag.id, 0, RUNS_PER_FOLD)).filter(({ pending }) => pending.rowId <= newest);
    if (rows.length === 0) return false;
    const rejected = rows.map((row) => ({ event: { ...row.pending, slots: [] }, code: DECISION_CODES.dropped, reason }));
    const lease = { shard: dag.shard, shardEpoch: cluster.shardEpoch(dag.shard) ?? NO_EPOCH };
    const writes = { dag: dag.id, ...lease, versionId: dag.version.id, runs: [], scheduled: [], timeParts: [], rejected };
    await committer.fold(writes);
    this.#decided(writes);
    return true;
  }

  /** All that it knows of is counted anew. */
  async #recount(): Promise<void> {
    const { store, cluster } = this.#options;
    const shards = Array.from({ length: SHARDS }, (_, shard) => shard).filter((shard) => cluster.shardEpoch(shard) !== null);
    const [pending, unfinished] = [await store.count(shards), await store.countUnfinished()];
    this.#pending.clear();
    for (const { dag, assetId, count } of pending) this.#pending.add(dag, assetId, count);
    this.#unfinished.clear();
    for (const [dag, count] of unfinished) this.#unfinished.set(dag, count);
  }

  #countUnfinished(dag: number, change: number): void {
    this.#unfinished.set(dag, Math.max(0, (this.#unfinished.get(dag) ?? 0) + change));
  }

  #decided({ dag, runs, rejected }: FoldWrites): void {
    for (const { assetId } of runs.flatMap(({ decided }) => decided)) this.#pending.add(dag, assetId, -1);
    for (const { event } of rejected) this.#pending.add(dag, event.assetId, -1);
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  #touch(dag: number): void {
    if (this.#busy.has(dag)) this.#skipped.add(dag);
    else this.#dirty.add(dag);
    if (this.#isScheduled || !this.#isRunning || this.#dirty.size === 0) return;
    this.#isScheduled = true;
    setImmediate(() => this.tick());
  }

  /** Folds what has come for each DAG that something happened to, a page of each. */
  tick(): void {
    this.#isScheduled = false;
    const dags = [...this.#dirty];
    this.#dirty.clear();
    if (this.#isRunning) for (const dag of dags) if (!this.#busy.has(dag)) void this.#alone(dag, () => this.#tryAdvance(dag));
  }

  /** One thing at a time is done with a DAG's rows; what happens to it meanwhile is looked at afterwards. */
  async #alone<Value>(dag: number, act: () => Promise<Value>): Promise<Value> {
    while (this.#busy.has(dag)) await this.#busy.get(dag);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#busy.set(dag, promise);
    try {
      return await act();
    } finally {
      this.#busy.delete(dag);
      resolve();
      if (this.#skipped.delete(dag)) this.#touch(dag);
    }
  }

  async #tryAdvance(dag: number): Promise<void> {
    const lane = this.#lanes.get(dag);
    try {
      await this.#advance(dag);
    } catch (error) {
      // Its new holder goes on with the same rows.
      if (error instanceof ShardLost) {
        if (this.#lanes.get(dag) === lane) this.#lanes.delete(dag);
        return;
      }
      await this.#retryLater(dag, error as Error);
    }
  }

  async #advance(id: number): Promise<void> {
    const { definitions, clock, committer } = this.#options;
    const lane = this.#lanes.get(id);
    const before = lane === undefined ? undefined : definitions().dags.get(lane.dagId);
    if (lane === undefined || before === undefined) return;
    const upTo = await lane.load(clock.now());
    if (upTo > 0) {
      await this.#dropRequested(before, upTo);
      return;
    }
    if (this.#dagOf(lane) !== undefined && (await lane.readPage(definitions()))) this.#touch(id);
    const room = await this.#roomFor(lane);
    const dag = this.#dagOf(lane);
    if (dag === undefined || this.#lanes.get(id) !== lane) return;
    const now = clock.now();
    const writes = this.#foldOf(dag, lane, room, now);
    this.#arm(id, lane.nextTime(now));
    if (!hasWrites(writes)) return;
    await committer.fold(writes);
    this.#decided(writes);
    this.#touch(id);
  }

  /** By a new lane from then on, which knows nothing of what is gone. */
  async #dropRequested(dag: DagEntry, upTo: number): Promise<void> {
    while (await this.#dropPage(dag, upTo, "given up by command"));
    await this.#options.store.clearDrop(dag.id, upTo);
    this.#lanes.delete(dag.id);
    this.refresh();
  }

  /** undefined where nothing is to be folded for it. */
  #dagOf({ dagId }: InboxLane): DagEntry | undefined {
    const dag = this.#options.definitions().dags.get(dagId);
    return dag?.isPaused === false ? dag : undefined;
  }

  #arm(dag: number, next: number | null): void {
    if (next === null || this.#armed.get(dag) === next) return;
    this.#armed.set(dag, next);
    this.#timers.add(next, dag);
  }

  #onTime(dag: number): void {
    this.#armed.delete(dag);
    this.#touch(dag);
  }

  /**
   * Runs that may be started now. What is counted here is near enough to leave it be; a limit that a DAG sets is kept by what
   * the metadata DB has: runs end in other processes, and a count is never of the moment in which it arrives.
   */
  async #roomFor(lane: InboxLane): Promise<number> {
    const dag = this.#dagOf(lane);
    if (dag === undefined) return 0;
    const limit = dag.version.snapshot.maxActiveRuns;
    const room = (limit ?? MAX_UNFINISHED) - (this.#unfinished.get(dag.id) ?? 0);
    if (limit === null || room <= 0 || lane.isIdle(this.#options.clock.now())) return Math.min(RUNS_PER_FOLD, room);
    const unfinished = (await this.#options.store.countUnfinished(dag.id)).get(dag.id) ?? 0;
    return Math.min(RUNS_PER_FOLD, limit - unfinished);
  }

  #foldOf(dag: DagEntry, lane: InboxLane, room: number, now: number): FoldWrites {
    const scheduled = lane.takeDueTimes(room, now);
    const runs: FoldedRun[] = [];
    while (runs.length + scheduled.length < room) {
      const run = lane.nextRun();
      if (run === null) break;
      runs.push(run);
    }
    return {
      dag: dag.id,
      shard: dag.shard,
      shardEpoch: lane.epoch,
      versionId: dag.version.id,
      runs,
      scheduled,
      rejected: lane.takeRejected(),
      timeParts: lane.takeTimeStates(),
    };
  }

  /** From the rows, by a new lane. */
  async #retryLater(dag: number, error: Error): Promise<void> {
    this.#options.log.error("the events that wait for a DAG could not be folded: it is tried again", { dag, error });
    this.#lanes.delete(dag);
    await new Promise<void>((resolve) => this.#options.clock.after(RETRY_AFTER_MS, resolve));
    this.refresh();
  }
}

function hasWrites({ runs, rejected, scheduled, timeParts }: FoldWrites): boolean {
  return runs.length + rejected.length + scheduled.length + timeParts.length > 0;
}
