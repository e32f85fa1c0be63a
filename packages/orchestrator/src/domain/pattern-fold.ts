import type { PatternSnapshot } from "./dag-snapshot.ts";
import { type EventPart, isEventPart, legsOf, partsOf, type PatternSlot, ruleOfPart, slotsOf } from "./pattern-parts.ts";

/** An event in the inbox of a DAG. */
export interface PendingEvent {
  /** Of its inbox row; rows are folded in this order. */
  readonly rowId: number;
  readonly eventId: number;
  /** Of the replay that put it there; 0 for the event's own arrival. */
  readonly replayId: number;
  readonly assetId: number;
  readonly triggerId: number | null;
  /** Of its payload. */
  readonly bytes: number;
  /** The slots whose filters it passed, by index. */
  readonly slots: readonly number[];
  /** Rules of the parts that have started a run with it before: these do not take it again. */
  readonly taken: readonly string[];
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
  /** Other parts wait with them still: their inbox rows stay, with what has `taken` them now. */
  readonly kept: readonly PendingEvent[];
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
  /** What the inbox rows remember it by. */
  readonly rule: string;
  readonly legs: readonly Leg[];
  /** Events that one run takes of a leg. */
  readonly perRun: number;
}

/** Parts that still wait with an event, and those that have taken it. */
interface Holding {
  left: number;
  taken: readonly string[];
}

/**
 * What the events in a DAG's inbox have led to so far: a pure fold over its rows, in their order, by one pattern. It is
 * never stored: another pattern, or another process, folds the rows that are left anew.
 */
export class PatternFold {
  readonly #parts: readonly PartState[];
  readonly #holdings = new Map<PendingEvent, Holding>();

  constructor(pattern: PatternSnapshot) {
    const slots = slotsOf(pattern);
    const parts = partsOf(pattern).filter(isEventPart);
    this.#parts = parts.map((part, index) => newState(part, ruleOfPart(part, parts.slice(0, index)), slots));
  }

  /** Events that wait. */
  get pending(): number {
    return this.#holdings.size;
  }

  /** More events would change nothing of the next run: they may as well stay where they are. */
  get isFull(): boolean {
    const isFull = ({ legs }: PartState): boolean => legs.every(({ pending, head }) => pending.length - head >= MAX_EVENTS_PER_RUN);
    return this.#parts.length > 0 && this.#parts.every(isFull);
  }

  /** False where no part waits with it. */
  add(event: PendingEvent): boolean {
    let left = 0;
    for (const { legs, rule } of this.#parts) {
      if (event.taken.includes(rule)) continue;
      for (const leg of legs) {
        if (!event.slots.some((slot) => leg.slots.has(slot))) continue;
        leg.pending.push(event);
        left += 1;
      }
    }
    if (left > 0) this.#holdings.set(event, { left, taken: event.taken });
    return left > 0;
  }

  /** The next run that can start, whose events are then no longer pending; null where every part waits for more. */
  next(): FoldedRun | null {
    const ready = this.#parts.filter(({ legs }) => legs.every(({ pending, head }) => pending.length > head));
    const [first] = ready.toSorted((a, b) => oldestOf(a) - oldestOf(b));
    return first === undefined ? null : this.#take(first);
  }

  #take({ part, rule, legs, perRun }: PartState): FoldedRun {
    const events = legs.flatMap((leg, index) => takeFrom(leg, perRun).map((event) => ({ event, leg: index })));
    for (const { event } of events) this.#release(event, rule);
    const taken = [...new Set(events.map(({ event }) => event))];
    const kept = taken.flatMap((event) => {
      const holding = this.#holdings.get(event)!;
      return holding.left > 0 ? [{ ...event, taken: holding.taken }] : [];
    });
    const decided = taken.filter((event) => this.#holdings.get(event)!.left === 0);
    for (const event of decided) this.#holdings.delete(event);
    return { part: part.path, events, decided, kept };
  }

  #release(event: PendingEvent, rule: string): void {
    const holding = this.#holdings.get(event)!;
    holding.left -= 1;
    if (!holding.taken.includes(rule)) holding.taken = [...holding.taken, rule];
  }
}

function newState(part: EventPart, rule: string, slots: readonly PatternSlot[]): PartState {
  const legs = legsOf(part).map((_, index) => ({
    slots: new Set(slots.filter((slot) => slot.part === part.path && slot.leg === index).map((slot) => slot.index)),
    pending: [],
    head: 0,
  }));
  return { part, rule, legs, perRun: part.pattern.kind === "each" ? 1 : MAX_EVENTS_PER_RUN };
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
