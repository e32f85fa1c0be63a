import type { Database, Statement } from "better-sqlite3";
import type { InboxCount, InboxStore, StoredInboxRow } from "../../domain/run-store.ts";
import type { TimePartState } from "../../domain/time-pattern.ts";
import { decodeJson } from "../stored-json.ts";
import { timeKey } from "./fold-writer.ts";
import { EVENT_COLUMNS, type StoredEventRow, toStoredEvent } from "./stored-event-row.ts";

/** A page of messages of a megabyte each would fill the memory. */
const PAGE_BYTES = 16 * 1024 * 1024;

type InboxEventRow = StoredEventRow & { readonly row_id: number; readonly taken: string | null };

function toInboxRow(row: InboxEventRow): StoredInboxRow {
  const event = toStoredEvent(row);
  const { id: eventId, triggerId, data } = event;
  const taken = row.taken === null ? [] : (JSON.parse(row.taken) as string[]);
  return { pending: { rowId: row.row_id, eventId, assetId: data.assetId, triggerId, bytes: data.payload.byteLength, taken }, event };
}

export class SqliteInboxStore implements InboxStore {
  readonly #count: Statement;
  readonly #select: Statement;
  readonly #newest: Statement;
  readonly #selectStates: Statement;
  readonly #countUnfinished: Statement;

  constructor(db: Database) {
    this.#count = db.prepare(`SELECT p.dag, e.asset_id AS assetId, count(*) AS count FROM pattern_event p
      JOIN asset_event e ON e.id = p.event_id GROUP BY p.dag, e.asset_id`);
    this.#select = db.prepare(`SELECT p.id AS row_id, p.taken, ${EVENT_COLUMNS} FROM pattern_event p JOIN asset_event e ON e.id = p.event_id
      JOIN asset a ON a.id = e.asset_id WHERE p.shard = (SELECT shard FROM dag WHERE id = ?) AND p.dag = ? AND p.id > ? ORDER BY p.id LIMIT ?`);
    this.#newest = db.prepare("SELECT max(id) FROM pattern_event WHERE shard = (SELECT shard FROM dag WHERE id = ?) AND dag = ?").pluck();
    this.#selectStates = db.prepare("SELECT key, state FROM pattern_state WHERE dag = ?");
    this.#countUnfinished = db.prepare("SELECT dag, count(*) AS n FROM dag_run INDEXED BY dag_run_active WHERE state < 10 GROUP BY dag");
  }

  count(): readonly InboxCount[] {
    return this.#count.all() as InboxCount[];
  }

  newestRow(dag: number): number {
    return (this.#newest.get(dag, dag) as number | null) ?? 0;
  }

  read(dag: number, afterRow: number, limit: number): readonly StoredInboxRow[] {
    const page: StoredInboxRow[] = [];
    let bytes = 0;
    for (const row of this.#select.iterate(dag, dag, afterRow, limit)) {
      const stored = toInboxRow(row as InboxEventRow);
      page.push(stored);
      bytes += stored.pending.bytes;
      if (bytes >= PAGE_BYTES) break;
    }
    return page;
  }

  timeParts(dag: number): ReadonlyMap<string, TimePartState> {
    const rows = this.#selectStates.all(dag) as { key: string; state: Buffer }[];
    const prefix = timeKey("");
    const own = rows.filter(({ key }) => key.startsWith(prefix));
    return new Map(own.map(({ key, state }) => [key.slice(prefix.length), decodeJson<TimePartState>(state)]));
  }

  countUnfinished(): ReadonlyMap<number, number> {
    const rows = this.#countUnfinished.all() as { dag: number; n: number }[];
    return new Map(rows.map(({ dag, n }) => [dag, n]));
  }
}
