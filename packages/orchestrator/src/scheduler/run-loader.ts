import { restoreRun } from "../domain/adopt-run.ts";
import type { DagVersion } from "../domain/definitions.ts";
import type { ActiveRun } from "../domain/run.ts";
import type { RunStore } from "../domain/run-store.ts";

/** Runs read in one turn of the event loop, of one DAG. */
const PAGE_SIZE = 512;

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
  /** By run id: runs put aside until a retry that is now due. */
  readonly due: Map<number, number>;
}

export interface RunLoaderOptions {
  readonly store: RunStore;
  readonly findVersion: (id: number) => DagVersion;
  readonly hasRoom: (dag: number) => boolean;
  /** `dueBy`: retries that were due until then are due, whatever the clock says now. */
  readonly admit: (run: ActiveRun, dueBy: number) => void;
}

/** Reads runs from the metadata DB that are not in memory: after a crash, beyond its bounds, or due for a retry. */
export class RunLoader {
  readonly #options: RunLoaderOptions;
  readonly #lanes = new Map<number, Lane>();
  /** Runs with smaller ids were made by earlier processes. */
  #ownFrom = 0;

  constructor(options: RunLoaderOptions) {
    this.#options = options;
  }

  /** DAGs with runs that are to be read. */
  get waiting(): readonly number[] {
    return [...this.#lanes.keys()];
  }

  /** There are unfinished runs of this DAG that memory does not have: new ones go behind them. */
  isBehind(dag: number): boolean {
    return (this.#lanes.get(dag)?.cursor ?? null) !== null;
  }

  /** Everything unfinished is to be read: its processes are dead. */
  rescueAll(): void {
    this.#ownFrom = this.#options.store.nextId();
    for (const dag of this.#options.store.activeDags()) this.#laneOf(dag).cursor = 0;
  }

  /** This run stays in the metadata DB until there is room. */
  leave(dag: number, id: number): void {
    this.#laneOf(dag).cursor ??= id - 1;
  }

  /** This run was put aside, and one of its retries is due. */
  resume({ runId, dag, dueAt }: DueRetry): void {
    const { due } = this.#laneOf(dag);
    due.set(runId, Math.max(dueAt, due.get(runId) ?? 0));
  }

  /** Reads some of a DAG's runs while there is room, due retries first: they have waited longer. */
  load(dag: number): void {
    const lane = this.#laneOf(dag);
    const left = PAGE_SIZE - this.#loadDue(dag, lane);
    if (lane.due.size === 0 && lane.cursor !== null) this.#loadPage(dag, lane, left);
    if (lane.due.size === 0 && lane.cursor === null) this.#lanes.delete(dag);
  }

  #loadDue(dag: number, lane: Lane): number {
    let count = 0;
    for (const [id, dueBy] of lane.due) {
      if (count === PAGE_SIZE || !this.#options.hasRoom(dag)) break;
      lane.due.delete(id);
      this.#restore(id, dueBy);
      count += 1;
    }
    return count;
  }

  #loadPage(dag: number, lane: Lane, limit: number): void {
    if (limit === 0) return;
    const ids = this.#options.store.active(dag, lane.cursor ?? 0, limit);
    for (const id of ids) {
      if (!this.#options.hasRoom(dag)) return;
      lane.cursor = id;
      this.#restore(id, 0);
    }
    if (ids.length < limit) lane.cursor = null;
  }

  #restore(id: number, dueBy: number): void {
    const stored = this.#options.store.load(id);
    if (stored === null) return;
    this.#options.admit(restoreRun(stored, this.#options.findVersion(stored.versionId), id < this.#ownFrom), dueBy);
  }

  #laneOf(dag: number): Lane {
    const found = this.#lanes.get(dag);
    if (found !== undefined) return found;
    const lane: Lane = { cursor: null, due: new Map() };
    this.#lanes.set(dag, lane);
    return lane;
  }
}
