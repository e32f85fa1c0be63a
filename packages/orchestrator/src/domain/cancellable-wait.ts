import type { Clock } from "./clock.ts";

/** A wait that a stop cuts short. */
export class CancellableWait {
  readonly #clock: Clock;
  readonly #ends = new Set<() => void>();
  #isCancelled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after `ms`, or at once when cancelled. */
  wait(ms: number): Promise<void> {
    if (this.#isCancelled) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        stopClock();
        this.#ends.delete(end);
        resolve();
      };
      const stopClock = this.#clock.after(ms, end);
      this.#ends.add(end);
    });
  }

  /** Ends all waits, and those asked for later. */
  cancel(): void {
    this.#isCancelled = true;
    for (const end of this.#ends) end();
  }
}
