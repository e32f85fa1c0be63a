import type { IngestCountReason } from "../../domain/watcher-reads.ts";
import type { CommitRows } from "./commit-rows.ts";

const MINUTE_MS = 60_000;
const MAX_SAMPLES = 20;

interface Count {
  readonly triggerId: number;
  readonly minute: number;
  readonly reason: IngestCountReason;
  n: number;
  samples: string[];
}

/** Messages that made no event: how many in each minute, and the newest of them. */
export class IngestCounts {
  /** The newest of each trigger and reason: also those of a minute's earlier commits. */
  readonly #samples = new Map<string, readonly string[]>();
  #counts = new Map<string, Count>();

  /** One for each of `names`. */
  add(triggerId: number, reason: IngestCountReason, names: readonly string[], now: number): void {
    const key = `${triggerId} ${reason}`;
    const count = this.#counts.get(key) ?? { triggerId, reason, minute: Math.floor(now / MINUTE_MS), n: 0, samples: [] };
    count.n += names.length;
    count.samples.push(...names);
    if (count.samples.length > 2 * MAX_SAMPLES) count.samples = count.samples.slice(-MAX_SAMPLES);
    this.#counts.set(key, count);
  }

  /** The transaction was rolled back. */
  forget(): void {
    this.#counts = new Map();
  }

  /** To the commit whose messages they are of. */
  plan(rows: CommitRows, processId: number): void {
    for (const [key, { triggerId, minute, reason, n, samples }] of this.#counts) {
      const newest = [...(this.#samples.get(key) ?? []), ...samples].slice(-MAX_SAMPLES);
      this.#samples.set(key, newest);
      rows.add("ingestCounts", [triggerId, minute, reason, processId, n, JSON.stringify(newest)]);
    }
    this.#counts = new Map();
  }
}
