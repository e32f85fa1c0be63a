import type { Clock } from "../src/domain/clock.ts";

interface Timer {
  readonly dueAt: number;
  readonly task: () => void;
}

/** Time that stands still until it is moved. */
export class ManualClock implements Clock {
  #time = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return 1_700_000_000_000 + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(ms: number, task: () => void): () => void {
    const timer = { dueAt: this.#time + ms, task };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Runs what is due on the way, in order. */
  advance(ms: number): void {
    const end = this.#time + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ dueAt }) => dueAt <= end).toSorted((a, b) => a.dueAt - b.dueAt);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#time = Math.max(this.#time, next.dueAt);
      next.task();
    }
    this.#time = end;
  }

  /** As if the process had stood still: what is due comes late, all at once. */
  jump(ms: number): void {
    this.#time += ms;
    this.advance(0);
  }
}
