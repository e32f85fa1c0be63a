import { restoreRun } from "../domain/adopt-run.ts";
import type { DagVersion } from "../domain/definitions.ts";
import type { ActiveRun } from "../domain/run.ts";
import type { RunStore, StoredRun } from "../domain/run-store.ts";

const PAGE_SIZE = 1_024;

/** Reads runs from the metadata DB that are not in memory: after a crash, above the limit, or due for a retry. */
export class RunLoader {
  readonly #store: RunStore;
  readonly #findVersion: (id: number) => DagVersion;
  readonly #admit: (run: ActiveRun) => void;
  #isBehindStore = false;
  #cursor = 0;
  /** Runs with smaller ids were made by earlier processes. */
  #ownFrom = 0;

  constructor(options: { store: RunStore; findVersion: (id: number) => DagVersion }, admit: (run: ActiveRun) => void) {
    this.#store = options.store;
    this.#findVersion = options.findVersion;
    this.#admit = admit;
  }

  /** There are unfinished runs above the cursor that memory does not have: new ones go behind them. */
  get isBehind(): boolean {
    return this.#isBehindStore;
  }

  /** Everything unfinished is to be read again: its processes are dead. */
  rescueAll(): void {
    this.#isBehindStore = true;
    this.#cursor = 0;
    this.#ownFrom = this.#store.nextId();
  }

  /** This run stays in the metadata DB until there is room. */
  leave(id: number): void {
    if (this.#isBehindStore) return;
    this.#isBehindStore = true;
    this.#cursor = id - 1;
  }

  loadPage(): void {
    const page = this.#store.active(this.#cursor, PAGE_SIZE);
    this.#cursor = page.at(-1)?.id ?? this.#cursor;
    this.#isBehindStore = page.length === PAGE_SIZE;
    this.#restore(page);
  }

  /** Runs that were put aside until one of their retries is due. */
  resume(ids: readonly number[]): void {
    if (ids.length > 0) this.#restore(this.#store.load([...new Set(ids)]));
  }

  #restore(stored: readonly StoredRun[]): void {
    for (const run of stored) this.#admit(restoreRun(run, this.#findVersion(run.versionId), run.id < this.#ownFrom));
  }
}
