import type { Database, Statement } from "better-sqlite3";
import type { InboxStore, StoredInboxRow } from "../../domain/run-store.ts";
import type { TimePartState } from "../../domain/time-pattern.ts";
import { decodeJson } from "../stored-json.ts";
import { timeKey } from "./fold-writer.ts";
import { EVENT_COLUMNS, type StoredEventRow, toStoredEvent } from "./stored-event-row.ts";

export class SqliteInboxStore implements InboxStore {
  readonly #count: Statement;
  readonly #select: Statement;
  readonly #selectStates: Statement;
  readonly #countUnfinished: Statement;

  constructor(db: Database) {
    this.#count = db.prepare("SELECT dag, count(*) AS n FROM pattern_event GROUP BY shard, dag");
    this.#select = db.prepare(`SELECT p.id AS row_id, ${EVENT_COLUMNS} FROM pattern_event p JOIN asset_event e ON e.id = p.event_id
      JOIN asset a ON a.id = e.asset_id WHERE p.shard = (SELECT shard FROM dag WHERE id = ?) AND p.dag = ? AND p.id > ? ORDER BY p.id LIMIT ?`);
    this.#selectStates = db.prepare("SELECT key, state FROM pattern_state WHERE dag = ?");
    this.#countUnfinished = db.prepare("SELECT dag, count(*) AS n FROM dag_run INDEXED BY dag_run_active WHERE state < 10 GROUP BY dag");
  }

  count(): ReadonlyMap<number, number> {
    return toCounts(this.#count.all());
  }

  read(dag: number, afterRow: number, limit: number): readonly StoredInboxRow[] {
    const rows = this.#select.all(dag, dag, afterRow, limit) as (StoredEventRow & { row_id: number })[];
    return rows.map((row) => {
      const event = toStoredEvent(row);
      const { id: eventId, triggerId, data } = event;
      return { pending: { rowId: row.row_id, eventId, triggerId, bytes: data.payload.byteLength }, event };
    });
  }

  timeParts(dag: number): ReadonlyMap<string, TimePartState> {
    const rows = this.#selectStates.all(dag) as { key: string; state: Buffer }[];
    const prefix = timeKey("");
    const own = rows.filter(({ key }) => key.startsWith(prefix));
    return new Map(own.map(({ key, state }) => [key.slice(prefix.length), decodeJson<TimePartState>(state)]));
  }

  countUnfinished(): ReadonlyMap<number, number> {
    return toCounts(this.#countUnfinished.all());
  }
}

function toCounts(rows: readonly unknown[]): ReadonlyMap<number, number> {
  return new Map((rows as { dag: number; n: number }[]).map(({ dag, n }) => [dag, n]));
}
