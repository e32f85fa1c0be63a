import type { InboxCount, InboxStore, StoredInboxRow } from "../../domain/run-store.ts";
import { timeKey, type TimePartState } from "../../domain/time-pattern.ts";
import { all, execute, first, type Script, type SqlRunner } from "../sql-script.ts";
import { decodeJson } from "../stored-json.ts";
import { EVENT_COLUMNS, type StoredEventRow, toStoredEvent } from "./stored-event-row.ts";

/** In `pattern_state`, beside the parts that run by time: the newest row that is to be given up. */
const DROP_KEY = "drop";
/** A page of messages of a megabyte each would fill the memory. */
const PAGE_BYTES = 16 * 1024 * 1024;

type InboxEventRow = StoredEventRow & { readonly row_id: number; readonly replay_id: number; readonly taken: string | null };

export class SqlInboxStore implements InboxStore {
  readonly #runner: SqlRunner;

  constructor(runner: SqlRunner) {
    this.#runner = runner;
  }

  async count(shards: readonly number[]): Promise<readonly InboxCount[]> {
    if (shards.length === 0) return [];
    const sql = `SELECT p.dag, e.asset_id AS "assetId", count(*) AS count FROM pattern_event p
      JOIN asset_event e ON e.id = p.event_id WHERE p.shard IN (${shards.map(() => "?").join(", ")}) GROUP BY p.dag, e.asset_id`;
    return this.#runner.run(() => all<InboxCount>(sql, ...shards));
  }

  async countOf(dag: number): Promise<number> {
    const sql = "SELECT count(*) AS n FROM pattern_event WHERE shard = (SELECT shard FROM dag WHERE id = ?) AND dag = ?";
    return (await this.#runner.run(() => first<{ n: number }>(sql, dag, dag)))?.n ?? 0;
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

  async countUnfinished(dag?: number): Promise<ReadonlyMap<number, number>> {
    const active = `SELECT dag, count(*) AS n FROM dag_run ${this.#runner.indexedBy("dag_run_active")} WHERE state < 10`;
    const rows = await this.#runner.run(() =>
      dag === undefined
        ? all<{ dag: number; n: number }>(`${active} GROUP BY dag`)
        : all<{ dag: number; n: number }>(`${active} AND dag = ? GROUP BY dag`, dag),
    );
    return new Map(rows.map((row) => [row.dag, row.n]));
  }

  async requestDrop(dag: number): Promise<void> {
    const newest = await this.newestRow(dag);
    const sql = `INSERT INTO pattern_state (dag, key, state) VALUES (?, '${DROP_KEY}', ?)
      ON CONFLICT (dag, key) DO UPDATE SET state = excluded.state`;
    await this.#runner.run(() => execute(sql, dag, Buffer.from(String(newest))));
  }

  async dropMark(dag: number): Promise<number> {
    const sql = `SELECT state FROM pattern_state WHERE dag = ? AND key = '${DROP_KEY}'`;
    const row = await this.#runner.run(() => first<{ state: Buffer }>(sql, dag));
    return row === undefined ? 0 : Number(row.state.toString());
  }

  async clearDrop(dag: number, upTo: number): Promise<void> {
    const sql = `DELETE FROM pattern_state WHERE dag = ? AND key = '${DROP_KEY}' AND state = ?`;
    await this.#runner.run(() => execute(sql, dag, Buffer.from(String(upTo))));
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
    `SELECT p.id AS row_id, p.replay_id, p.taken, ${EVENT_COLUMNS} FROM pattern_event p JOIN asset_event e ON e.id = p.event_id
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
  const ids = { rowId: row.row_id, eventId, replayId: row.replay_id, assetId: data.assetId, triggerId };
  return { pending: { ...ids, bytes: data.payload.byteLength, taken }, event };
}
