import type { InboxCount, InboxStore, StoredInboxRow } from "../../domain/run-store.ts";
import { timeKey, type TimePartState } from "../../domain/time-pattern.ts";
import { all, first, type Script, type SqlRunner } from "../sql-script.ts";
import { decodeJson } from "../stored-json.ts";
import { EVENT_COLUMNS, type StoredEventRow, toStoredEvent } from "./stored-event-row.ts";

/** A page of messages of a megabyte each would fill the memory. */
const PAGE_BYTES = 16 * 1024 * 1024;

type InboxEventRow = StoredEventRow & { readonly row_id: number; readonly taken: string | null };

export class SqlInboxStore implements InboxStore {
  readonly #runner: SqlRunner;

  constructor(runner: SqlRunner) {
    this.#runner = runner;
  }

  async count(): Promise<readonly InboxCount[]> {
    const sql = `SELECT p.dag, e.asset_id AS "assetId", count(*) AS count FROM pattern_event p
      JOIN asset_event e ON e.id = p.event_id GROUP BY p.dag, e.asset_id`;
    return this.#runner.run(() => all<InboxCount>(sql));
  }

  async newestRow(dag: number): Promise<number> {
    const sql = "SELECT max(id) AS id FROM pattern_event WHERE shard = (SELECT shard FROM dag WHERE id = ?) AND dag = ?";
    return (await this.#runner.run(() => first<{ id: number | null }>(sql, dag, dag)))?.id ?? 0;
  }

  async read(dag: number, afterRow: number, limit: number): Promise<readonly StoredInboxRow[]> {
    return (await this.#runner.run(() => readPage(dag, afterRow, limit))).map(toInboxRow);
  }

  async timeParts(dag: number): Promise<ReadonlyMap<string, TimePartState>> {
    const sql = "SELECT key, state FROM pattern_state WHERE dag = ?";
    const rows = await this.#runner.run(() => all<{ key: string; state: Buffer }>(sql, dag));
    const prefix = timeKey("");
    const own = rows.filter(({ key }) => key.startsWith(prefix));
    return new Map(own.map(({ key, state }) => [key.slice(prefix.length), decodeJson<TimePartState>(state)]));
  }

  async countUnfinished(): Promise<ReadonlyMap<number, number>> {
    const sql = `SELECT dag, count(*) AS n FROM dag_run ${this.#runner.indexedBy("dag_run_active")} WHERE state < 10 GROUP BY dag`;
    const rows = await this.#runner.run(() => all<{ dag: number; n: number }>(sql));
    return new Map(rows.map(({ dag, n }) => [dag, n]));
  }
}

/** By their sizes first, so that no more is read than fits. */
function* readPage(dag: number, afterRow: number, limit: number): Script<readonly InboxEventRow[]> {
  const sizes = yield* all<{ id: number; bytes: number }>(
    `SELECT p.id, length(e.payload) AS bytes FROM pattern_event p JOIN asset_event e ON e.id = p.event_id
     WHERE p.shard = (SELECT shard FROM dag WHERE id = ?) AND p.dag = ? AND p.id > ? ORDER BY p.id LIMIT ?`,
    dag,
    dag,
    afterRow,
    limit,
  );
  let bytes = 0;
  const fitting = sizes.filter((row, index) => (bytes += row.bytes) <= PAGE_BYTES || index === 0);
  const last = fitting.at(-1);
  if (last === undefined) return [];
  return yield* all<InboxEventRow>(
    `SELECT p.id AS row_id, p.taken, ${EVENT_COLUMNS} FROM pattern_event p JOIN asset_event e ON e.id = p.event_id
     JOIN asset a ON a.id = e.asset_id
     WHERE p.shard = (SELECT shard FROM dag WHERE id = ?) AND p.dag = ? AND p.id > ? AND p.id <= ? ORDER BY p.id`,
    dag,
    dag,
    afterRow,
    last.id,
  );
}

function toInboxRow(row: InboxEventRow): StoredInboxRow {
  const event = toStoredEvent(row);
  const { id: eventId, triggerId, data } = event;
  const taken = row.taken === null ? [] : (JSON.parse(row.taken) as string[]);
  return { pending: { rowId: row.row_id, eventId, assetId: data.assetId, triggerId, bytes: data.payload.byteLength, taken }, event };
}
