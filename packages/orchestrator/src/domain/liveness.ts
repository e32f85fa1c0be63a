import type { Clock } from "./clock.ts";

export const HEARTBEAT_MS = 2_000;
/** Silence for so long, and the other side counts as gone. */
export const DEAD_AFTER_MS = 10_000;

export interface LivenessOptions {
  readonly clock: Clock;
  /** Tells the other side that this one lives. */
  beat(): void;
  /** The other side was silent for too long; called once. */
  onDead(): void;
}

/** Heartbeats to the other end of a connection, and the watch over its own. By the monotonic clock of this process alone. */
export class Liveness {
  readonly #options: LivenessOptions;
  #heardAt: number;
  #tickedAt: number;
  #cancel: (() => void) | null = null;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#heardAt = options.clock.monotonic();
    this.#tickedAt = this.#heardAt;
  }

  start(): void {
    this.#tickedAt = this.#options.clock.monotonic();
    this.#heardAt = this.#tickedAt;
    this.#tickLater();
  }

  /** Anything came from the other side. */
  heard(): void {
    this.#heardAt = this.#options.clock.monotonic();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #tickLater(): void {
    this.#cancel = this.#options.clock.after(HEARTBEAT_MS, () => this.#tick());
  }

  #tick(): void {
    const now = this.#options.clock.monotonic();
    // This process itself stood still: what the other side sent meanwhile is still to be read.
    if (now - this.#tickedAt > 2 * HEARTBEAT_MS) this.#heardAt = now;
    this.#tickedAt = now;
    if (now - this.#heardAt >= DEAD_AFTER_MS) {
      this.stop();
      this.#options.onDead();
      return;
    }
    this.#options.beat();
    this.#tickLater();
  }
}
