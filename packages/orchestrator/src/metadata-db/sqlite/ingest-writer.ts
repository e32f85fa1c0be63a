import type { Database, Statement } from "better-sqlite3";
import type { IngestEntry, IngestReceipt, IngestUnit } from "../../domain/ingest-unit.ts";
import type { CommitOutput } from "../committer.ts";
import type { EventWriter } from "./event-writer.ts";
import type { IdAllocator } from "./id-allocator.ts";
import { IngestCountWriter } from "./ingest-count-writer.ts";
import type { SourceWriter } from "./source-writer.ts";

/** One event per message and asset (P2): an ordered log's position, or `message_seen`, says what came before. */
export class IngestWriter {
  readonly #ids: IdAllocator;
  readonly #events: EventWriter;
  readonly #sources: SourceWriter;
  readonly #see: Statement;
  readonly #insertDeadLetter: Statement;
  readonly #counts: IngestCountWriter;

  constructor(db: Database, ids: IdAllocator, events: EventWriter, sources: SourceWriter) {
    this.#ids = ids;
    this.#events = events;
    this.#sources = sources;
    this.#see = db.prepare("INSERT INTO message_seen VALUES (?, ?) ON CONFLICT DO NOTHING");
    this.#insertDeadLetter = db.prepare(`INSERT INTO dead_letter
      (id, asset_id, trigger_id, source_id, partition, message_offset, message_id, value, message_key, headers, reason_code, reason, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#counts = new IngestCountWriter(db);
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
    if (duplicates > 0) this.#counts.add(unit.triggerId, "duplicate", namesOfDuplicates(unit, fresh), now);
    for (const { ignored, rejected } of fresh) {
      if (ignored.length > 0) this.#counts.add(unit.triggerId, "ignored", ignored, now);
      for (const { reason, sample } of rejected) this.#counts.add(unit.triggerId, reason, [sample], now);
    }
    this.#counts.store();
    return { events, deadLetters, duplicates, runs: output.runs.length - before };
  }

  /** The transaction was rolled back. */
  forget(): void {
    this.#counts.forget();
  }

  #isFirst(entry: IngestEntry, now: number): boolean {
    if (entry.position !== null) return this.#sources.advance(entry.source, entry.position.partition, entry.position.offset);
    // What leaves nothing behind may come again: a firehose of which one in a thousand is taken fills no table.
    const isStored = entry.events.length > 0 || entry.deadLetters.length > 0 || entry.ignored.length > 0;
    return entry.seen === null || !isStored || this.#see.run(entry.seen, now).changes === 1;
  }

  #writeDeadLetters(triggerId: number, sourceId: number | null, entry: IngestEntry, now: number): void {
    for (const { assetId, reasonCode, reason } of entry.deadLetters) {
      const { partition = null, offset = null } = entry.position ?? {};
      const message = [partition, offset, entry.messageId, entry.value, entry.key, entry.headers];
      this.#insertDeadLetter.run(this.#ids.take(), assetId, triggerId, sourceId, ...message, reasonCode, reason, now);
    }
  }
}

/** Their ids, or `partition:offset`. */
function namesOfDuplicates(unit: IngestUnit, fresh: readonly IngestEntry[]): readonly string[] {
  const taken = new Set(fresh);
  const again = unit.entries.filter((entry) => !taken.has(entry));
  return again.map(({ messageId, position }) => messageId ?? `${position?.partition}:${position?.offset}`);
}
