/** Unstarted runs per trigger: at the limit only that trigger's stream pauses, and its messages wait in the broker (P6). */
export class Backlog {
  readonly #limit: number;
  readonly #counts = new Map<number, number>();
  readonly #waiting = new Map<number, { readonly promise: Promise<void>; readonly resolve: () => void }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(triggerId: number | null, count: number): void {
    if (triggerId !== null) this.#counts.set(triggerId, (this.#counts.get(triggerId) ?? 0) + count);
  }

  remove(triggerId: number | null): void {
    if (triggerId === null) return;
    // Runs that others made are counted when they tell of them, which can be lost.
    const count = Math.max(0, (this.#counts.get(triggerId) ?? 0) - 1);
    this.#counts.set(triggerId, count);
    // At half the limit, so that a stream does not stop and go with every run.
    if (count > this.#limit / 2) return;
    this.#waiting.get(triggerId)?.resolve();
    this.#waiting.delete(triggerId);
  }

  /** Of all triggers. */
  get total(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  isFull(triggerId: number): boolean {
    return (this.#counts.get(triggerId) ?? 0) >= this.#limit;
  }

  /** null while there is room; else resolves when there is again. */
  waitForRoom(triggerId: number): Promise<void> | null {
    if (!this.isFull(triggerId)) return null;
    const waiting = this.#waiting.get(triggerId) ?? Promise.withResolvers<void>();
    this.#waiting.set(triggerId, waiting);
    return waiting.promise;
  }
}
