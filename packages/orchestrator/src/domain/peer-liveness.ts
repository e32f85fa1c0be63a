/** A process and the number that it raises while it lives. */
export interface Heartbeat {
  readonly id: number;
  readonly heartbeat: number;
}

interface Observed {
  heartbeat: number;
  /** ms for which this process has watched it stand still. */
  silentMs: number;
}

/**
 * Who of the others has died: whose counter stood still for so long, by the monotonic clock of this process. Only time in
 * which this process did look counts: after an outage of the database that stopped all of them, none is taken for dead.
 */
export class PeerLiveness {
  readonly #deadAfterMs: number;
  readonly #everyMs: number;
  readonly #observed = new Map<number, Observed>();
  #lookedAt: number | null = null;

  /** `everyMs`: how often it is asked. */
  constructor(options: { readonly deadAfterMs: number; readonly everyMs: number }) {
    this.#deadAfterMs = options.deadAfterMs;
    this.#everyMs = options.everyMs;
  }

  /** The ids of those that count as dead. `now`: by the monotonic clock, ms. */
  observe(processes: readonly Heartbeat[], now: number): readonly number[] {
    const passed = Math.min(now - (this.#lookedAt ?? now), 2 * this.#everyMs);
    this.#lookedAt = now;
    const ids = new Set(processes.map(({ id }) => id));
    for (const id of this.#observed.keys()) if (!ids.has(id)) this.#observed.delete(id);
    return processes.filter((process) => this.#silenceOf(process, passed) >= this.#deadAfterMs).map(({ id }) => id);
  }

  /** For so long it was watched to stand still, ms. */
  silenceMs(id: number): number {
    return this.#observed.get(id)?.silentMs ?? 0;
  }

  #silenceOf({ id, heartbeat }: Heartbeat, passed: number): number {
    const known = this.#observed.get(id);
    if (known === undefined || known.heartbeat !== heartbeat) {
      this.#observed.set(id, { heartbeat, silentMs: 0 });
      return 0;
    }
    known.silentMs += passed;
    return known.silentMs;
  }
}
