import type { Database, Statement } from "better-sqlite3";
import type { ReplayItem } from "../../domain/event-replay.ts";
import type { CommitLookups } from "../commit/commit-lookups.ts";
import type { CommitRows } from "../commit/commit-rows.ts";

const BEGIN_REPLAY = `INSERT INTO event_decision (event_id, dag, replay_id, code, at) SELECT id, ?, ?, ?, ? FROM asset_event WHERE id = ?
  ON CONFLICT DO NOTHING`;

interface Position {
  readonly sourceId: number;
  readonly partition: string;
  next: number;
}

/** Asked of the file, within the transaction. Caches sources and positions, so a failed transaction must be followed by `forget`. */
export class SqliteLookups implements CommitLookups {
  readonly #ids = new Map<string, number>();
  readonly #positions = new Map<string, Position>();
  readonly #moved = new Map<string, Position>();
  readonly #deadLetters = new Set<number>();
  readonly #runs = new Set<string>();
  readonly #insertSource: Statement;
  readonly #selectSource: Statement;
  readonly #selectPosition: Statement;
  readonly #see: Statement;
  readonly #findRun: Statement;
  readonly #findDeadLetter: Statement;
  readonly #beginReplay: Statement;

  constructor(db: Database) {
    this.#insertSource = db.prepare("INSERT INTO source (name) VALUES (?)");
    this.#selectSource = db.prepare("SELECT id FROM source WHERE name = ?").pluck();
    this.#selectPosition = db.prepare("SELECT next_offset FROM source_position WHERE source_id = ? AND partition = ?").pluck();
    this.#see = db.prepare("INSERT INTO message_seen VALUES (?, ?) ON CONFLICT DO NOTHING");
    this.#findRun = db.prepare("SELECT 1 FROM dag_run WHERE dag = ? AND custom_run_id = ?");
    this.#findDeadLetter = db.prepare("SELECT 1 FROM dead_letter WHERE id = ?");
    this.#beginReplay = db.prepare(BEGIN_REPLAY);
  }

  sourceId(source: string): number {
    const cached = this.#ids.get(source);
    if (cached !== undefined) return cached;
    const id = (this.#selectSource.get(source) as number | undefined) ?? Number(this.#insertSource.run(source).lastInsertRowid);
    this.#ids.set(source, id);
    return id;
  }

  advance(source: string, partition: string, offset: number): boolean {
    const key = `${partition}\0${source}`;
    const position = this.#positions.get(key) ?? this.#readPosition(key, source, partition);
    if (offset < position.next) return false;
    position.next = offset + 1;
    this.#moved.set(key, position);
    return true;
  }

  see(hash: Uint8Array, now: number): boolean {
    return this.#see.run(hash, now).changes === 1;
  }

  hasRun(dag: number, customRunId: string): boolean {
    const key = `${dag} ${customRunId}`;
    const isKnown = this.#runs.has(key) || this.#findRun.get(dag, customRunId) !== undefined;
    this.#runs.add(key);
    return isKnown;
  }

  hasDeadLetter(id: number): boolean {
    if (this.#deadLetters.has(id) || this.#findDeadLetter.get(id) === undefined) return false;
    this.#deadLetters.add(id);
    return true;
  }

  beginReplay(replayId: number, { eventId, dag, code }: Pick<ReplayItem, "eventId" | "dag" | "code">, now: number): boolean {
    return this.#beginReplay.run(dag, replayId, code, now, eventId).changes === 1;
  }

  /** One process has the file, and so every shard. */
  holdsShard(): boolean {
    return true;
  }

  holdsTrigger(): boolean {
    return true;
  }

  /** One row per partition, however many messages. */
  plan(rows: CommitRows): void {
    for (const { sourceId, partition, next } of this.#moved.values()) rows.add("positions", [sourceId, partition, next]);
    this.#endTransaction();
  }

  forget(): void {
    this.#ids.clear();
    this.#positions.clear();
    this.#endTransaction();
  }

  #endTransaction(): void {
    this.#moved.clear();
    this.#deadLetters.clear();
    this.#runs.clear();
  }

  #readPosition(key: string, source: string, partition: string): Position {
    const sourceId = this.sourceId(source);
    const next = (this.#selectPosition.get(sourceId, partition) as number | undefined) ?? 0;
    const position = { sourceId, partition, next };
    this.#positions.set(key, position);
    return position;
  }
}
