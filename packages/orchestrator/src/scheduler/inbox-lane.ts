import type { FoldWrites, InboxRow } from "../domain/committer.ts";
import { DECISION_CODES } from "../domain/decision.ts";
import type { DagEntry, Definitions, Subscriber } from "../domain/definitions.ts";
import { fittingSlots, scopeOfStored } from "../domain/ingest.ts";
import { type FoldedRun, PatternFold } from "../domain/pattern-fold.ts";
import { isTimePart, partsOf, type TimePart } from "../domain/pattern-parts.ts";
import type { InboxStore, StoredInboxRow } from "../domain/run-store.ts";
import { dueInstant, nextInstant, resumeTimePart, ruleOf, type TimePartState } from "../domain/time-pattern.ts";

const PAGE_SIZE = 1_000;

/** What waits for one version of a DAG: the fold of its events, and the instants it is done with. */
export class InboxLane {
  readonly dagId: string;
  readonly versionId: number;
  /** Of the lease of the DAG's shard. */
  readonly epoch: number;
  readonly #dag: number;
  readonly #store: InboxStore;
  readonly #fold: PatternFold;
  readonly #timeParts: readonly TimePart[];
  /** Empty until they are loaded. */
  #times = new Map<string, TimePartState>();
  readonly #changedTimes = new Set<string>();
  #rejected: FoldWrites["rejected"][number][] = [];
  /** Rows that the fold holds, or that a commit is about to take: reading them again changes nothing. */
  readonly #known = new Set<number>();
  /** Rows up to it were read. */
  #cursor = 0;
  /** There may be rows above the cursor that nobody will offer. */
  #isBehind = true;
  #isReading = false;
  #isLoaded = false;
  #isDropChecked = false;
  #isPaused: boolean;
  /** Instants before it are not made up for; set until the parts are loaded. */
  #skipUntil: number | null = null;

  constructor(dag: DagEntry, store: InboxStore, epoch: number) {
    this.epoch = epoch;
    this.dagId = dag.dagId;
    this.versionId = dag.version.id;
    this.#dag = dag.id;
    this.#store = store;
    this.#isPaused = dag.isPaused;
    const { schedule } = dag.version.snapshot;
    this.#fold = new PatternFold(schedule);
    this.#timeParts = partsOf(schedule).filter(isTimePart);
  }

  /** To be awaited before anything is asked of it. Gives the newest row that is to be given up first; 0 for none. */
  async load(now: number): Promise<number> {
    if (!this.#isLoaded) {
      const stored = this.hasTimeParts ? await this.#store.timeParts(this.#dag) : new Map<string, TimePartState>();
      this.#times = new Map(this.#timeParts.map((part) => [part.path, this.#stateOf(part, stored.get(part.path), now)]));
      this.#isLoaded = true;
      if (this.#skipUntil !== null) this.skipMissedTimes(this.#skipUntil);
    }
    if (this.#isDropChecked) return 0;
    this.#isDropChecked = true;
    return this.#store.dropMark(this.#dag);
  }

  /** Somebody may want what waits to be given up. */
  checkDrop(): void {
    this.#isDropChecked = false;
  }

  /** Nothing can start now. */
  isIdle(now: number): boolean {
    return this.#fold.pending === 0 && this.#timeParts.every((part) => dueInstant(part, this.#times.get(part.path)!, now) === null);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get hasTimeParts(): boolean {
    return this.#timeParts.length > 0;
  }

  /** True where it was paused and is not any more. */
  setPaused(isPaused: boolean, now: number): boolean {
    const isResumed = this.#isPaused && !isPaused;
    this.#isPaused = isPaused;
    if (isResumed) {
      this.skipMissedTimes(now);
      this.checkDrop();
    }
    return isResumed;
  }

  /** What it was paused for is not made up for, but with `catchup`. */
  skipMissedTimes(now: number): void {
    if (!this.#isLoaded) {
      this.#skipUntil = now;
      return;
    }
    for (const part of this.#timeParts) {
      const isCatchup = part.pattern.kind === "cron" && part.pattern.catchup;
      if (!isCatchup) this.#setTime(part, now);
    }
  }

  /** A row that was just stored; one that this lane cannot take as it is will be read. */
  offer(row: InboxRow): void {
    if (this.#known.has(row.rowId)) return;
    if (this.#isBehind || this.#isReading || row.versionId !== this.versionId || this.#isPaused || this.#fold.isFull) {
      this.rewind(row.rowId);
      return;
    }
    if (this.#fold.add(row)) this.#known.add(row.rowId);
    this.#cursor = Math.max(this.#cursor, row.rowId);
  }

  /** There may be rows from this one on that nobody has offered. */
  rewind(rowId: number): void {
    this.#isBehind = true;
    this.#cursor = Math.min(this.#cursor, rowId - 1);
  }

  /** Reads some of the rows that nobody offered. True where there may be more. */
  async readPage(definitions: Definitions): Promise<boolean> {
    if (!this.#isBehind || this.#fold.isFull) return false;
    const from = this.#cursor;
    // What is offered from now on may not be among what is read.
    this.#isReading = true;
    this.#isBehind = false;
    this.#cursor = Number.POSITIVE_INFINITY;
    let last = from;
    let isWholePage = true;
    try {
      const rows = await this.#store.read(this.#dag, from, PAGE_SIZE);
      isWholePage = rows.length > 0;
      for (const row of rows) {
        if (this.#fold.isFull) break;
        last = row.pending.rowId;
        if (!this.#known.has(last)) this.#take(row, definitions);
      }
    } finally {
      this.#isReading = false;
      this.#cursor = Math.min(this.#cursor, last);
      if (isWholePage) this.#isBehind = true;
    }
    return this.#isBehind && !this.#fold.isFull;
  }

  nextRun(): FoldedRun | null {
    const run = this.#fold.next();
    for (const { rowId } of run?.decided ?? []) this.#known.delete(rowId);
    return run;
  }

  takeRejected(): FoldWrites["rejected"] {
    const taken = this.#rejected;
    this.#rejected = [];
    return taken;
  }

  /** Instants that are due, at most `room` of them. */
  takeDueTimes(room: number, now: number): FoldWrites["scheduled"] {
    const due: { part: string; logicalDate: number }[] = [];
    for (const part of this.#timeParts) {
      while (due.length < room) {
        const logicalDate = dueInstant(part, this.#times.get(part.path)!, now);
        if (logicalDate === null) break;
        due.push({ part: part.path, logicalDate });
        this.#setTime(part, logicalDate);
      }
    }
    return due;
  }

  takeTimeStates(): FoldWrites["timeParts"] {
    const changed = [...this.#changedTimes].map((part) => ({ part, state: this.#times.get(part)! }));
    this.#changedTimes.clear();
    return changed;
  }

  /** The next instant that is still to come. */
  nextTime(now: number): number | null {
    const instants = this.#timeParts.flatMap((part) => nextInstant(part, Math.max(now, this.#times.get(part.path)!.doneUntil)) ?? []);
    return instants.length === 0 ? null : Math.min(...instants);
  }

  #stateOf(part: TimePart, stored: TimePartState | undefined, now: number): TimePartState {
    const state = resumeTimePart(part, stored, now);
    if (state !== stored) this.#changedTimes.add(part.path);
    return state;
  }

  #setTime(part: TimePart, doneUntil: number): void {
    this.#times.set(part.path, { rule: ruleOf(part), doneUntil });
    this.#changedTimes.add(part.path);
  }

  /** Held, or folded by another version before: what it fits is asked anew. */
  #take({ pending, event }: StoredInboxRow, { assets }: Definitions): void {
    const { assetName } = event.data;
    const subscriber = assets.get(assetName)?.subscribers.find(({ dag }) => dag.id === this.#dag);
    const reason = `the DAG's schedule no longer takes it`;
    if (subscriber === undefined) {
      this.#rejected.push({ event: { ...pending, slots: [] }, code: DECISION_CODES.filtered, reason });
      return;
    }
    const { slots, failure } = fittingSlots(subscriber, hasFilter(subscriber) ? scopeOfStored(assetName, event.data) : NO_SCOPE);
    const isWaiting = slots.length > 0 && this.#fold.add({ ...pending, slots });
    if (isWaiting) this.#known.add(pending.rowId);
    else
      this.#rejected.push({
        event: { ...pending, slots },
        code: failure?.code ?? DECISION_CODES.filtered,
        reason: failure?.reason ?? reason,
      });
  }
}

const NO_SCOPE = { payload: null, headers: {}, key: null, asset: "" };

function hasFilter({ slots }: Subscriber): boolean {
  return slots.some(({ where }) => where !== null);
}
