import type { Clock } from "../domain/clock.ts";

interface Entry<Item> {
  /** By the monotonic clock. */
  readonly at: number;
  readonly item: Item;
}

/**
 * Items that become due at an instant (UTC ms); those due together are given together. The wait is measured by the
 * monotonic clock: setting the other one back delays nothing. A binary heap with one timer.
 */
export class TimerQueue<Item> {
  readonly #clock: Clock;
  readonly #onDue: (items: readonly Item[]) => void;
  readonly #heap: Entry<Item>[] = [];
  #cancel: (() => void) | null = null;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onDue: (items: readonly Item[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  add(at: number, item: Item): void {
    this.#heap.push({ at: this.#clock.monotonic() + at - this.#clock.now(), item });
    this.#rise(this.#heap.length - 1);
    this.#arm();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#heap.length = 0;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  /** Gives what is due by now. */
  tick(): void {
    this.#cancel = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonic();
    const due: Item[] = [];
    while (this.#heap.length > 0 && this.#heap[0]!.at <= now) due.push(this.#pop());
    this.#arm();
    if (due.length > 0) this.#onDue(due);
  }

  #arm(): void {
    const [first] = this.#heap;
    if (first === undefined || first.at >= this.#timerAt) return;
    this.#cancel?.();
    this.#timerAt = first.at;
    this.#cancel = this.#clock.after(first.at - this.#clock.monotonic(), () => this.tick());
  }

  #pop(): Item {
    const { item } = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink(0);
    }
    return item;
  }

  #rise(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#heap[parent]!.at <= this.#heap[index]!.at) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #sink(start: number): void {
    let index = start;
    for (;;) {
      const left = index * 2 + 1;
      const right = left + 1;
      let least = index;
      if (left < this.#heap.length && this.#heap[left]!.at < this.#heap[least]!.at) least = left;
      if (right < this.#heap.length && this.#heap[right]!.at < this.#heap[least]!.at) least = right;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b]!, this.#heap[a]!];
  }
}
