/** Unstarted runs per trigger: at the limit only that trigger's stream pauses, and its messages wait in the broker (P6). */
export class Backlog {
  readonly #limit: number;
  /** Ever added, and removed since, by trigger. */
  readonly #added = new Map<number, number>();
  readonly #removed = new Map<number, number>();
  readonly #waiting = new Map<number, { readonly promise: Promise<void>; readonly resolve: () => void }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(triggerId: number | null, count: number): void {
    if (triggerId !== null) this.#added.set(triggerId, (this.#added.get(triggerId) ?? 0) + count);
  }

  remove(triggerId: number | null): void {
    if (triggerId !== null) this.#take(triggerId, 1);
  }

  /** By what is stored: a run of another process that was told of after it had started would be counted for ever. */
  async correct(countStored: () => Promise<ReadonlyMap<number, number>>): Promise<void> {
    const before = new Map(this.#added);
    const stored = await countStored();
    // What was removed meanwhile may still be among what is stored, or not any more.
    for (const [triggerId, added] of before)
      this.#take(triggerId, added - (this.#removed.get(triggerId) ?? 0) - (stored.get(triggerId) ?? 0));
  }

  /** Of all triggers. */
  get total(): number {
    let sum = 0;
    for (const triggerId of this.#added.keys()) sum += this.#countOf(triggerId);
    return sum;
  }

  /** A sentence, where it is why a trigger is paused; else null. */
  describe(triggerId: number): string | null {
    if (!this.isFull(triggerId) && !this.#waiting.has(triggerId)) return null;
    const until = `limit ${this.#limit}; it goes on at ${Math.floor(this.#limit / 2)}`;
    return `${this.#countOf(triggerId)} runs of its messages are not started yet (${until})`;
  }

  isFull(triggerId: number): boolean {
    return this.#countOf(triggerId) >= this.#limit;
  }

  /** null while there is room; else resolves when there is again. */
  waitForRoom(triggerId: number): Promise<void> | null {
    if (!this.isFull(triggerId)) return null;
    const waiting = this.#waiting.get(triggerId) ?? Promise.withResolvers<void>();
    this.#waiting.set(triggerId, waiting);
    return waiting.promise;
  }

  #countOf(triggerId: number): number {
    return (this.#added.get(triggerId) ?? 0) - (this.#removed.get(triggerId) ?? 0);
  }

  /** No more than there are: runs that others made are counted when they tell of them, which can be lost. */
  #take(triggerId: number, count: number): void {
    const taken = Math.max(0, Math.min(count, this.#countOf(triggerId)));
    this.#removed.set(triggerId, (this.#removed.get(triggerId) ?? 0) + taken);
    // At half the limit, so that a stream does not stop and go with every run.
    if (this.#countOf(triggerId) > this.#limit / 2) return;
    this.#waiting.get(triggerId)?.resolve();
    this.#waiting.delete(triggerId);
  }
}
