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
  readonly #dag: number;
  readonly #store: InboxStore;
  readonly #fold: PatternFold;
  readonly #timeParts: readonly TimePart[];
  readonly #times: Map<string, TimePartState>;
  readonly #changedTimes = new Set<string>();
  #rejected: FoldWrites["rejected"][number][] = [];
  /** Rows up to it are folded. */
  #cursor = 0;
  /** There may be rows above the cursor that nobody will offer. */
  #isBehind: boolean;
  #isPaused: boolean;

  /** `pending`: how many rows there are. */
  constructor(dag: DagEntry, store: InboxStore, pending: number, now: number) {
    this.#isBehind = pending > 0;
    this.dagId = dag.dagId;
    this.versionId = dag.version.id;
    this.#dag = dag.id;
    this.#store = store;
    this.#isPaused = dag.isPaused;
    const { schedule } = dag.version.snapshot;
    this.#fold = new PatternFold(schedule);
    this.#timeParts = partsOf(schedule).filter(isTimePart);
    const stored: ReadonlyMap<string, TimePartState> = this.hasTimeParts ? store.timeParts(dag.id) : new Map();
    this.#times = new Map(this.#timeParts.map((part) => [part.path, this.#stateOf(part, stored.get(part.path), now)]));
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
    if (isResumed) this.skipMissedTimes(now);
    return isResumed;
  }

  /** What it was paused for is not made up for, but with `catchup`. */
  skipMissedTimes(now: number): void {
    for (const part of this.#timeParts) {
      const isCatchup = part.pattern.kind === "cron" && part.pattern.catchup;
      if (!isCatchup) this.#setTime(part, now);
    }
  }

  /** A row that was just stored; one that this lane cannot take as it is will be read. */
  offer(row: InboxRow): void {
    if (this.#isBehind || row.rowId <= this.#cursor) return;
    if (row.versionId !== this.versionId || this.#isPaused || this.#fold.isFull) {
      this.#isBehind = true;
      return;
    }
    this.#fold.add(row);
    this.#cursor = row.rowId;
  }

  /** Reads some of the rows that nobody offered. True where there may be more. */
  readPage(definitions: Definitions): boolean {
    if (!this.#isBehind || this.#fold.isFull) return false;
    const rows = this.#store.read(this.#dag, this.#cursor, PAGE_SIZE);
    for (const row of rows) {
      if (this.#fold.isFull) break;
      this.#take(row, definitions);
    }
    this.#isBehind = rows.length > 0;
    return this.#isBehind && !this.#fold.isFull;
  }

  nextRun(): FoldedRun | null {
    return this.#fold.next();
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
    this.#cursor = pending.rowId;
    const { assetName } = event.data;
    const subscriber = assets.get(assetName)?.subscribers.find(({ dag }) => dag.id === this.#dag);
    const reason = `the DAG's schedule no longer takes it`;
    if (subscriber === undefined) {
      this.#rejected.push({ event: { ...pending, slots: [] }, code: DECISION_CODES.filtered, reason });
      return;
    }
    const { slots, failure } = fittingSlots(subscriber, hasFilter(subscriber) ? scopeOfStored(assetName, event.data) : NO_SCOPE);
    const isWaiting = slots.length > 0 && this.#fold.add({ ...pending, slots });
    if (!isWaiting)
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
