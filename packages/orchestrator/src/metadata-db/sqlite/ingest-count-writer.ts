import type { Database, Statement } from "better-sqlite3";
import type { IngestCountReason } from "../../domain/watcher-reads.ts";

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
export class IngestCountWriter {
  readonly #upsert: Statement;
  /** The newest of each trigger and reason: also those of a minute's earlier commits. */
  readonly #samples = new Map<string, readonly string[]>();
  #counts = new Map<string, Count>();

  constructor(db: Database) {
    this.#upsert = db.prepare(`INSERT INTO ingest_count (trigger_id, minute, reason, process_id, n, samples) VALUES (?, ?, ?, 0, ?, ?)
      ON CONFLICT (trigger_id, minute, reason, process_id) DO UPDATE SET n = n + excluded.n, samples = excluded.samples`);
  }

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

  /** Within the transaction whose messages they are of. */
  store(): void {
    for (const [key, { triggerId, minute, reason, n, samples }] of this.#counts) {
      const newest = [...(this.#samples.get(key) ?? []), ...samples].slice(-MAX_SAMPLES);
      this.#samples.set(key, newest);
      this.#upsert.run(triggerId, minute, reason, n, JSON.stringify(newest));
    }
    this.#counts = new Map();
  }
}
