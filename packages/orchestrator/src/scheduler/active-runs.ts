import type { ActiveRun } from "../domain/run.ts";

/** What runs take in memory: how many, and the bytes of their payloads, params and results. */
interface Load {
  runs: number;
  bytes: number;
}

const MAX_TOTAL: Load = { runs: 8_192, bytes: 128 * 1024 * 1024 };
/** Of one DAG: a slow one with a long backlog leaves room for the others. */
const MAX_OF_DAG: Load = { runs: 4_096, bytes: 64 * 1024 * 1024 };
/** Of one DAG, however full memory is: none waits for another one to finish. */
const MIN_OF_DAG: Load = { runs: 64, bytes: 4 * 1024 * 1024 };
/** What is freed is filled again below this part of a limit: many runs are read at once, not one at each end. */
const LOW = 0.5;
const LOW_TOTAL = 0.75;

/** The runs in memory, with bounds on their number and their bytes (P6); what does not fit stays in the metadata DB. */
export class ActiveRuns {
  readonly #runs = new Map<number, { readonly run: ActiveRun; bytes: number }>();
  readonly #loads = new Map<number, Load>();
  readonly #total: Load = { runs: 0, bytes: 0 };

  get(id: number): ActiveRun | undefined {
    return this.#runs.get(id)?.run;
  }

  has(id: number): boolean {
    return this.#runs.has(id);
  }

  add(run: ActiveRun): void {
    const bytes = sizeOf(run);
    this.#runs.set(run.id, { run, bytes });
    this.#change(run.dag, 1, bytes);
  }

  /** A task has ended: its result is kept for those that need it. */
  measure(run: ActiveRun): void {
    const entry = this.#runs.get(run.id);
    if (entry === undefined) return;
    const bytes = sizeOf(run);
    this.#change(run.dag, 0, bytes - entry.bytes);
    entry.bytes = bytes;
  }

  delete(run: ActiveRun): void {
    const entry = this.#runs.get(run.id);
    if (entry === undefined) return;
    this.#runs.delete(run.id);
    this.#change(run.dag, -1, -entry.bytes);
  }

  hasRoom(dag: number): boolean {
    return this.#isBelow(dag, 1, 1);
  }

  /** It is time to read more of this DAG's runs. */
  isLow(dag: number): boolean {
    return this.#isBelow(dag, LOW, LOW_TOTAL);
  }

  #isBelow(dag: number, part: number, partOfTotal: number): boolean {
    const own = this.#loads.get(dag) ?? { runs: 0, bytes: 0 };
    if (isWithin(own, MIN_OF_DAG, part)) return true;
    return isWithin(own, MAX_OF_DAG, part) && isWithin(this.#total, MAX_TOTAL, partOfTotal);
  }

  #change(dag: number, runs: number, bytes: number): void {
    const own = this.#loads.get(dag) ?? { runs: 0, bytes: 0 };
    for (const load of [own, this.#total]) {
      load.runs += runs;
      load.bytes += bytes;
    }
    if (own.runs === 0) this.#loads.delete(dag);
    else this.#loads.set(dag, own);
  }
}

function isWithin(load: Load, limit: Load, part: number): boolean {
  return load.runs < limit.runs * part && load.bytes < limit.bytes * part;
}

function sizeOf({ events, params, tasks }: ActiveRun): number {
  let bytes = params?.byteLength ?? 0;
  for (const { data } of events) {
    bytes += data.payload.byteLength + (data.messageKey?.byteLength ?? 0) + (data.headers?.byteLength ?? 0) + (data.extra?.byteLength ?? 0);
  }
  for (const { value } of tasks) bytes += value?.byteLength ?? 0;
  return bytes;
}
