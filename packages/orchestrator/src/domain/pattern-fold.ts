import type { PatternSnapshot } from "./dag-snapshot.ts";
import { type EventPart, isEventPart, legsOf, partsOf, type PatternSlot, slotsOf } from "./pattern-parts.ts";

/** An event in the inbox of a DAG. */
export interface PendingEvent {
  /** Of its inbox row; rows are folded in this order. */
  readonly rowId: number;
  readonly eventId: number;
  readonly triggerId: number | null;
  /** Of its payload. */
  readonly bytes: number;
  /** The slots whose filters it passed, by index. */
  readonly slots: readonly number[];
}

export interface FoldedEvent {
  readonly event: PendingEvent;
  readonly leg: number;
}

/** A run that a pattern starts, with the events that it takes. */
export interface FoldedRun {
  /** PatternPart.path */
  readonly part: string;
  /** In the order they came, leg by leg. */
  readonly events: readonly FoldedEvent[];
  /** No part waits with them any more: their inbox rows go. */
  readonly decided: readonly PendingEvent[];
}

/** What one run takes at most, of each leg: it is read into memory as a whole. The rest waits for the next run. */
const MAX_EVENTS_PER_RUN = 10_000;
const MAX_BYTES_PER_RUN = 32 * 1024 * 1024;

interface Leg {
  readonly slots: ReadonlySet<number>;
  /** The first `head` of them are taken. */
  pending: PendingEvent[];
  head: number;
}

interface PartState {
  readonly part: EventPart;
  readonly legs: readonly Leg[];
  /** Events that one run takes of a leg. */
  readonly perRun: number;
}

/**
 * What the events in a DAG's inbox have led to so far: a pure fold over its rows, in their order, by one pattern. It is
 * never stored: another pattern, or another process, folds the rows that are left anew.
 */
export class PatternFold {
  readonly #parts: readonly PartState[];
  /** Parts that still wait with an event. */
  readonly #holders = new Map<PendingEvent, number>();

  constructor(pattern: PatternSnapshot) {
    const slots = slotsOf(pattern);
    this.#parts = partsOf(pattern)
      .filter(isEventPart)
      .map((part) => newState(part, slots));
  }

  /** Events that wait. */
  get pending(): number {
    return this.#holders.size;
  }

  /** More events would change nothing of the next run: they may as well stay where they are. */
  get isFull(): boolean {
    const isFull = ({ legs }: PartState): boolean => legs.every(({ pending, head }) => pending.length - head >= MAX_EVENTS_PER_RUN);
    return this.#parts.length > 0 && this.#parts.every(isFull);
  }

  add(event: PendingEvent): void {
    let holders = 0;
    for (const { legs } of this.#parts) {
      for (const leg of legs) {
        if (!event.slots.some((slot) => leg.slots.has(slot))) continue;
        leg.pending.push(event);
        holders += 1;
      }
    }
    if (holders > 0) this.#holders.set(event, holders);
  }

  /** The next run that can start, whose events are then no longer pending; null where every part waits for more. */
  next(): FoldedRun | null {
    const ready = this.#parts.filter(({ legs }) => legs.every(({ pending, head }) => pending.length > head));
    const [first] = ready.toSorted((a, b) => oldestOf(a) - oldestOf(b));
    return first === undefined ? null : this.#take(first);
  }

  #take({ part, legs, perRun }: PartState): FoldedRun {
    const events = legs.flatMap((leg, index) => takeFrom(leg, perRun).map((event) => ({ event, leg: index })));
    const decided: PendingEvent[] = [];
    for (const { event } of events) {
      const left = this.#holders.get(event)! - 1;
      if (left > 0) this.#holders.set(event, left);
      else if (this.#holders.delete(event)) decided.push(event);
    }
    return { part: part.path, events, decided };
  }
}

function newState(part: EventPart, slots: readonly PatternSlot[]): PartState {
  const legs = legsOf(part).map((_, index) => ({
    slots: new Set(slots.filter((slot) => slot.part === part.path && slot.leg === index).map((slot) => slot.index)),
    pending: [],
    head: 0,
  }));
  return { part, legs, perRun: part.pattern.kind === "each" ? 1 : MAX_EVENTS_PER_RUN };
}

/** The row that completed it would be as good; what matters is that no part waits for ever behind another. */
function oldestOf({ legs }: PartState): number {
  return Math.min(...legs.map(({ pending, head }) => pending[head]!.rowId));
}

function takeFrom(leg: Leg, count: number): readonly PendingEvent[] {
  const taken: PendingEvent[] = [];
  let bytes = 0;
  for (const event of leg.pending.slice(leg.head, leg.head + count)) {
    bytes += event.bytes;
    if (bytes > MAX_BYTES_PER_RUN && taken.length > 0) break;
    taken.push(event);
  }
  leg.head += taken.length;
  if (leg.head * 2 > leg.pending.length) {
    leg.pending = leg.pending.slice(leg.head);
    leg.head = 0;
  }
  return taken;
}
