import { restoreRun } from "../domain/adopt-run.ts";
import type { Clock } from "../domain/clock.ts";
import type { DagVersion } from "../domain/definitions.ts";
import type { Log } from "../domain/log.ts";
import type { ActiveRun } from "../domain/run.ts";
import type { RunRef, RunStore, StoredRun } from "../domain/run-store.ts";

/** Runs of one DAG that are looked for at once. */
const PAGE_SIZE = 512;
/** Of them, what is read at once. */
const MAX_RUNS_PER_READ = 64;
const MAX_BYTES_PER_READ = 4 * 1024 * 1024;
const REREAD_AFTER_MS = 1_000;

/** A run whose retry is due at `dueAt`, UTC ms as it was stored. */
export interface DueRetry {
  readonly runId: number;
  readonly dag: number;
  readonly dueAt: number;
}

/** What of one DAG waits in the metadata DB to be read. */
interface Lane {
  /** Unfinished runs above it are not in memory, and new ones go behind them; null where all are. */
  cursor: number | null;
  /** A page of them is being read: what is left meanwhile may not be in it. */
  isReading: boolean;
  /** By run id: runs put aside until a retry that is now due. */
  readonly due: Map<number, number>;
}

export interface RunLoaderOptions {
  readonly store: RunStore;
  readonly findVersion: (id: number) => Promise<DagVersion>;
  readonly hasRoom: (dag: number) => boolean;
  /** It is time to read more of this DAG's runs. */
  readonly isLow: (dag: number) => boolean;
  readonly isInMemory: (runId: number) => boolean;
  /** `dueBy`: retries that were due until then are due, whatever the clock says now. */
  readonly admit: (run: ActiveRun, dueBy: number) => void;
  /** A page was read. */
  readonly onRead: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Reads runs from the metadata DB that are not in memory: after a crash, beyond its bounds, or due for a retry. */
export class RunLoader {
  readonly #options: RunLoaderOptions;
  readonly #lanes = new Map<number, Lane>();
  #isRefilling = false;
  #isStopped = false;

  constructor(options: RunLoaderOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** There are unfinished runs of this DAG that memory does not have: new ones go behind them. */
  isBehind(dag: number): boolean {
    const lane = this.#lanes.get(dag);
    return lane !== undefined && (lane.isReading || lane.cursor !== null);
  }

  /** Everything unfinished is to be read: its processes are dead. */
  async rescueAll(): Promise<void> {
    for (const dag of await this.#options.store.activeDags()) this.leave(dag, 1);
  }

  /** What another process made for this one, or left to it, from this id on; where memory has it, nothing happens. */
  async sweep(fromId: number): Promise<void> {
    if (fromId === 0) await this.rescueAll();
    else for (const { id, dag } of await this.#options.store.activeSince(fromId)) if (!this.#options.isInMemory(id)) this.leave(dag, id);
    this.refill();
  }

  /** This run, and what comes behind it, stays in the metadata DB until there is room. */
  leave(dag: number, id: number): void {
    const lane = this.#laneOf(dag);
    lane.cursor = Math.min(lane.cursor ?? id - 1, id - 1);
  }

  /** This run was put aside, and one of its retries is due. */
  resume({ runId, dag, dueAt }: DueRetry): void {
    const { due } = this.#laneOf(dag);
    due.set(runId, Math.max(dueAt, due.get(runId) ?? 0));
  }

  /** Reads runs into what memory is free, a page in each turn of the event loop, so that nothing waits for a long backlog. */
  refill(): void {
    if (this.#isRefilling || this.#isStopped || this.#lowDags().length === 0) return;
    this.#isRefilling = true;
    setImmediate(() => void this.#readPages());
  }

  async #readPages(): Promise<void> {
    try {
      for (const dag of this.#lowDags()) if (!this.#isStopped) await this.#load(dag);
      this.#isRefilling = false;
    } catch (error) {
      this.#options.log.error("unfinished runs could not be read from the metadata DB: it is tried again", { error: error as Error });
      this.#options.clock.after(REREAD_AFTER_MS, () => {
        this.#isRefilling = false;
        this.refill();
      });
    }
    if (this.#isStopped) return;
    this.#options.onRead();
    this.refill();
  }

  #lowDags(): readonly number[] {
    return [...this.#lanes.keys()].filter((dag) => this.#options.isLow(dag));
  }

  /** Reads some of a DAG's runs while there is room, due retries first: they have waited longer. Rejects with all of them still to be read. */
  async #load(dag: number): Promise<void> {
    const lane = this.#laneOf(dag);
    if (lane.isReading) return;
    lane.isReading = true;
    try {
      await this.#loadDue(dag, lane);
      if (lane.due.size === 0 && lane.cursor !== null) await this.#loadPage(dag, lane, lane.cursor);
    } finally {
      lane.isReading = false;
    }
    if (lane.due.size === 0 && lane.cursor === null) this.#lanes.delete(dag);
  }

  async #loadDue(dag: number, lane: Lane): Promise<void> {
    while (lane.due.size > 0 && this.#options.hasRoom(dag)) {
      const due = [...lane.due].slice(0, MAX_RUNS_PER_READ);
      const dueBy = new Map(due);
      await this.#restore(
        due.map(([id]) => id),
        (id) => dueBy.get(id) ?? 0,
      );
      for (const [id, at] of due) if (lane.due.get(id) === at) lane.due.delete(id);
    }
  }

  async #loadPage(dag: number, lane: Lane, from: number): Promise<void> {
    lane.cursor = null;
    let last = from;
    try {
      const refs = await this.#options.store.active(dag, from, PAGE_SIZE);
      for (const chunk of chunksOf(refs)) {
        if (!this.#options.hasRoom(dag)) break;
        await this.#restore(
          chunk.map(({ id }) => id),
          () => 0,
        );
        last = chunk.at(-1)!.id;
      }
      const isWholePage = refs.length === PAGE_SIZE || last < (refs.at(-1)?.id ?? from);
      if (isWholePage) this.leave(dag, last + 1);
    } catch (error) {
      this.leave(dag, last + 1);
      throw error;
    }
  }

  /** What is in memory is newer there: the metadata DB is asked for the others alone. */
  async #restore(ids: readonly number[], dueBy: (id: number) => number): Promise<void> {
    const missing = ids.filter((id) => !this.#options.isInMemory(id));
    if (missing.length === 0) return;
    const runs = await this.#options.store.load(missing);
    const versions = await Promise.all(runs.map(({ versionId }) => this.#options.findVersion(versionId)));
    runs.forEach((run: StoredRun, index) => this.#options.admit(restoreRun(run, versions[index]!), dueBy(run.id)));
  }

  #laneOf(dag: number): Lane {
    const found = this.#lanes.get(dag);
    if (found !== undefined) return found;
    const lane: Lane = { cursor: null, isReading: false, due: new Map() };
    this.#lanes.set(dag, lane);
    return lane;
  }
}

/** As many as are read at once; one whose size is not known alone. */
function* chunksOf(refs: readonly RunRef[]): Generator<readonly RunRef[]> {
  let chunk: RunRef[] = [];
  let bytes = 0;
  for (const ref of refs) {
    const size = ref.bytes ?? MAX_BYTES_PER_READ;
    if (chunk.length === MAX_RUNS_PER_READ || (chunk.length > 0 && bytes + size > MAX_BYTES_PER_READ)) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(ref);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}
