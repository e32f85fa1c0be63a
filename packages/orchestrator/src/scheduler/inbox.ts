import type { Clock } from "../domain/clock.ts";
import type { Committer, FoldWrites, InboxRow } from "../domain/committer.ts";
import { DECISION_CODES } from "../domain/decision.ts";
import type { DagEntry, Definitions } from "../domain/definitions.ts";
import type { Log } from "../domain/log.ts";
import type { FoldedRun } from "../domain/pattern-fold.ts";
import type { InboxStore } from "../domain/run-store.ts";
import { InboxLane } from "./inbox-lane.ts";
import { PendingCounts } from "./pending-counts.ts";
import { TimerQueue } from "./timer-queue.ts";

export interface InboxOptions {
  readonly committer: Committer;
  readonly store: InboxStore;
  readonly definitions: () => Definitions;
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
  #room = Promise.withResolvers<void>();
  #isRunning = false;
  #isScheduled = false;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#timers = new TimerQueue(options.clock, (dags) => dags.forEach((dag) => this.#onTime(dag)));
  }

  /** Before any run or row of this process is told. */
  async start(): Promise<void> {
    const { store } = this.#options;
    for (const { dag, assetId, count } of await store.count()) this.#pending.add(dag, assetId, count);
    for (const [dag, count] of await store.countUnfinished()) this.#unfinished.set(dag, count);
    this.#isRunning = true;
    this.refresh();
  }

  stop(): void {
    this.#isRunning = false;
    this.#timers.stop();
  }

  /** The definitions have changed. */
  refresh(): void {
    if (!this.#isRunning) return;
    const { definitions, store, clock } = this.#options;
    const now = clock.now();
    const { dags } = definitions();
    for (const [id, { dagId }] of this.#lanes) if (!dags.has(dagId)) this.#lanes.delete(id);
    for (const dag of dags.values()) {
      const known = this.#lanes.get(dag.id);
      if (known?.versionId === dag.version.id) {
        if (known.setPaused(dag.isPaused, now)) this.#touch(dag.id);
        continue;
      }
      const lane = new InboxLane(dag, store, this.pendingOf(dag.id));
      if (known?.isPaused && !dag.isPaused) lane.skipMissedTimes(now);
      this.#lanes.set(dag.id, lane);
      this.#touch(dag.id);
    }
  }

  onInbox(rows: readonly InboxRow[]): void {
    for (const row of rows) {
      this.#pending.add(row.dag, row.assetId, 1);
      this.#lanes.get(row.dag)?.offer(row);
      this.#touch(row.dag);
    }
  }

  onRunCreated(dag: number): void {
    this.#countUnfinished(dag, 1);
  }

  onRunEnd(dag: number): void {
    this.#countUnfinished(dag, -1);
    if (this.#pending.ofDag(dag) > 0 || this.#lanes.get(dag)?.hasTimeParts) this.#touch(dag);
  }

  /** Events that wait for a DAG. */
  pendingOf(dag: number): number {
    return this.#pending.ofDag(dag);
  }

  /**
   * null while there is room in every inbox that a trigger's messages go to; else resolves when there may be again. Each
   * asset has room of its own: a join whose one side has filled up still gets the other.
   */
  waitForRoom(triggerId: number): Promise<void> | null {
    if (this.#pending.isEmpty) return null;
    const watchers = this.#options.definitions().triggers.get(triggerId)?.watchers ?? [];
    const isFull = watchers.some(({ asset }) =>
      asset.subscribers.some(({ dag }) => this.#pending.ofAsset(dag.id, asset.id) >= this.#options.limit),
    );
    return isFull ? this.#room.promise : null;
  }

  /** Gives up all that waits for a DAG now; what comes while it does is not meant. */
  async drop(dag: DagEntry, reason: string): Promise<void> {
    const { store, committer } = this.#options;
    const base = { dag: dag.id, shard: dag.shard, shardEpoch: 0, versionId: dag.version.id, runs: [], scheduled: [], timeParts: [] };
    const newest = await store.newestRow(dag.id);
    // What is being folded, or dropped by another, is no longer there to drop.
    const dropPage = async (): Promise<boolean> => {
      const rows = (await store.read(dag.id, 0, RUNS_PER_FOLD)).filter(({ pending }) => pending.rowId <= newest);
      const rejected = rows.map((row) => ({ event: { ...row.pending, slots: [] }, code: DECISION_CODES.dropped, reason }));
      const writes = { ...base, rejected };
      if (rows.length > 0) await committer.fold(writes);
      this.#decided(writes);
      return rows.length > 0;
    };
    while (await this.#alone(dag.id, dropPage));
    this.#lanes.delete(dag.id);
    this.refresh();
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
    try {
      await this.#advance(dag);
    } catch (error) {
      await this.#retryLater(dag, error as Error);
    }
  }

  async #advance(id: number): Promise<void> {
    const { definitions, clock, committer } = this.#options;
    const lane = this.#lanes.get(id);
    if (lane === undefined || !this.#dagOf(lane)) return;
    await lane.load(clock.now());
    if (await lane.readPage(definitions())) this.#touch(id);
    const dag = this.#dagOf(lane);
    if (dag === undefined || this.#lanes.get(id) !== lane) return;
    const now = clock.now();
    const writes = this.#foldOf(dag, lane, now);
    this.#arm(id, lane.nextTime(now));
    if (!hasWrites(writes)) return;
    await committer.fold(writes);
    this.#decided(writes);
    this.#touch(id);
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

  #foldOf(dag: DagEntry, lane: InboxLane, now: number): FoldWrites {
    const limit = dag.version.snapshot.maxActiveRuns ?? MAX_UNFINISHED;
    const room = Math.min(RUNS_PER_FOLD, limit - (this.#unfinished.get(dag.id) ?? 0));
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
      shardEpoch: 0,
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
