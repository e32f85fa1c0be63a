import type { Database, Statement } from "better-sqlite3";
import type { IngestEntry, IngestReceipt, IngestUnit } from "../../domain/ingest-unit.ts";
import type { CommitOutput } from "../committer.ts";
import type { IngestCountReason } from "../../domain/reads.ts";
import type { EventWriter } from "./event-writer.ts";
import type { IdAllocator } from "./id-allocator.ts";
import type { SourceWriter } from "./source-writer.ts";

const MINUTE_MS = 60_000;

/** One event per message and asset (P2): an ordered log's position, or `message_seen`, says what came before. */
export class IngestWriter {
  readonly #ids: IdAllocator;
  readonly #events: EventWriter;
  readonly #sources: SourceWriter;
  readonly #see: Statement;
  readonly #insertDeadLetter: Statement;
  readonly #insertCount: Statement;

  constructor(db: Database, ids: IdAllocator, events: EventWriter, sources: SourceWriter) {
    this.#ids = ids;
    this.#events = events;
    this.#sources = sources;
    this.#see = db.prepare("INSERT INTO message_seen VALUES (?, ?) ON CONFLICT DO NOTHING");
    this.#insertDeadLetter = db.prepare(`INSERT INTO dead_letter
      (id, asset_id, trigger_id, source_id, partition, message_offset, message_id, value, message_key, headers, reason_code, reason, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#insertCount = db.prepare("INSERT INTO ingest_count (id, minute, trigger_id, reason, n, sample) VALUES (?, ?, ?, ?, ?, ?)");
  }

  write(unit: IngestUnit, now: number, output: CommitOutput): IngestReceipt {
    const before = output.runs.length;
    const fresh = unit.entries.filter((entry) => this.#isFirst(entry, now));
    let events = 0;
    let deadLetters = 0;
    for (const entry of fresh) {
      const sourceId = entry.source === "" ? null : this.#sources.idOf(entry.source);
      for (const event of entry.events) {
        this.#events.writeEvent(event, { triggerId: unit.triggerId, sourceId, entry, runId: null, outlet: null }, now, output);
      }
      this.#writeDeadLetters(unit.triggerId, sourceId, entry, now);
      events += entry.events.length;
      deadLetters += entry.deadLetters.length;
    }
    const cursors = new Map(unit.entries.flatMap(({ cursor }) => (cursor === null ? [] : [[cursor.source, cursor] as const])));
    for (const cursor of cursors.values()) this.#sources.putCursor(cursor);
    const duplicates = unit.entries.length - fresh.length;
    if (duplicates > 0) this.#count(unit, "duplicate", duplicates, nameOfDuplicate(unit, fresh), now);
    const ignored = fresh.flatMap((entry) => entry.ignored);
    if (ignored.length > 0) this.#count(unit, "ignored", ignored.length, ignored.at(-1)!, now);
    return { events, deadLetters, duplicates, runs: output.runs.length - before };
  }

  #isFirst(entry: IngestEntry, now: number): boolean {
    if (entry.position !== null) return this.#sources.advance(entry.source, entry.position.partition, entry.position.offset);
    return entry.seen === null || this.#see.run(entry.seen, now).changes === 1;
  }

  #writeDeadLetters(triggerId: number, sourceId: number | null, entry: IngestEntry, now: number): void {
    for (const { assetId, reasonCode, reason } of entry.deadLetters) {
      const { partition = null, offset = null } = entry.position ?? {};
      const message = [partition, offset, entry.messageId, entry.value, entry.key, entry.headers];
      this.#insertDeadLetter.run(this.#ids.take(), assetId, triggerId, sourceId, ...message, reasonCode, reason, now);
    }
  }

  #count({ triggerId }: IngestUnit, reason: IngestCountReason, n: number, sample: string, now: number): void {
    this.#insertCount.run(this.#ids.take(), Math.floor(now / MINUTE_MS), triggerId, reason, n, sample);
  }
}

/** Of the first one: its id, or `partition:offset`. */
function nameOfDuplicate(unit: IngestUnit, fresh: readonly IngestEntry[]): string {
  const taken = new Set(fresh);
  const sample = unit.entries.find((entry) => !taken.has(entry));
  return sample?.messageId ?? `${sample?.position?.partition}:${sample?.position?.offset}`;
}
