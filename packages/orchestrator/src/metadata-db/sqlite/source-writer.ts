import type { Database, Statement } from "better-sqlite3";

/** Sources and the positions of ordered logs. Caches both, so a failed transaction must be followed by `forget`. */
export class SourceWriter {
  readonly #ids = new Map<string, number>();
  readonly #positions = new Map<string, number>();
  readonly #changed = new Map<string, { source: string; partition: string; next: number }>();
  readonly #insertSource: Statement;
  readonly #selectSource: Statement;
  readonly #selectPosition: Statement;
  readonly #selectPositions: Statement;
  readonly #putPosition: Statement;
  readonly #startPosition: Statement;
  readonly #putCursor: Statement;
  readonly #selectCursor: Statement;

  constructor(db: Database) {
    this.#insertSource = db.prepare("INSERT INTO source (name) VALUES (?)");
    this.#selectSource = db.prepare("SELECT id FROM source WHERE name = ?");
    this.#selectPosition = db.prepare("SELECT next_offset FROM source_position WHERE source_id = ? AND partition = ?");
    this.#selectPositions = db.prepare("SELECT partition, next_offset FROM source_position WHERE source_id = ?");
    this.#putPosition = db.prepare(
      "INSERT INTO source_position VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
    );
    this.#putCursor = db.prepare("INSERT INTO source_cursor VALUES (?, ?) ON CONFLICT DO UPDATE SET cursor = excluded.cursor");
    this.#selectCursor = db.prepare("SELECT c.cursor FROM source_cursor c JOIN source s ON s.id = c.source_id WHERE s.name = ?").pluck();
    this.#startPosition = db.prepare("INSERT INTO source_position VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  }

  idOf(source: string): number {
    const cached = this.#ids.get(source);
    if (cached !== undefined) return cached;
    const row = this.#selectSource.get(source) as { id: number } | undefined;
    const id = row?.id ?? Number(this.#insertSource.run(source).lastInsertRowid);
    this.#ids.set(source, id);
    return id;
  }

  /** Moves past `offset`; false where the position is beyond it already. */
  advance(source: string, partition: string, offset: number): boolean {
    const key = `${partition}\0${source}`;
    const next = this.#positions.get(key) ?? this.#read(source, partition);
    if (offset < next) return false;
    this.#positions.set(key, offset + 1);
    this.#changed.set(key, { source, partition, next: offset + 1 });
    return true;
  }

  /** Writes the positions moved in this transaction: one row per partition, however many messages. */
  store(): void {
    for (const { source, partition, next } of this.#changed.values()) this.#putPosition.run(this.idOf(source), partition, next);
    this.#changed.clear();
  }

  start(source: string, starts: ReadonlyMap<string, bigint>): void {
    const id = this.idOf(source);
    for (const [partition, offset] of starts) this.#startPosition.run(id, partition, Number(offset));
  }

  readAll(source: string): ReadonlyMap<string, bigint> {
    const row = this.#selectSource.get(source) as { id: number } | undefined;
    if (row === undefined) return new Map();
    const rows = this.#selectPositions.all(row.id) as { partition: string; next_offset: number }[];
    return new Map(rows.map(({ partition, next_offset: next }) => [partition, BigInt(next)]));
  }

  putCursor({ source, value }: { readonly source: string; readonly value: string }): void {
    this.#putCursor.run(this.idOf(source), Buffer.from(value));
  }

  readCursor(source: string): string | null {
    return (this.#selectCursor.get(source) as Buffer | undefined)?.toString() ?? null;
  }

  forget(): void {
    this.#ids.clear();
    this.#positions.clear();
    this.#changed.clear();
  }

  #read(source: string, partition: string): number {
    const row = this.#selectPosition.get(this.idOf(source), partition) as { next_offset: number } | undefined;
    return row?.next_offset ?? 0;
  }
}
