import { all, first, type SqlRunner } from "../sql-script.ts";

/** Where the ingest of each source goes on. */
export class SourceStore {
  readonly #runner: SqlRunner;

  constructor(runner: SqlRunner) {
    this.#runner = runner;
  }

  /** By partition; empty for a source that nothing was ever stored of. */
  async positions(source: string): Promise<ReadonlyMap<string, bigint>> {
    const rows = await this.#runner.run(() =>
      all<{ partition: string; next_offset: number }>(
        "SELECT p.partition, p.next_offset FROM source_position p JOIN source s ON s.id = p.source_id WHERE s.name = ?",
        source,
      ),
    );
    return new Map(rows.map(({ partition, next_offset: next }) => [partition, BigInt(next)]));
  }

  async cursor(source: string): Promise<string | null> {
    const row = await this.#runner.run(() =>
      first<{ cursor: Buffer }>("SELECT c.cursor FROM source_cursor c JOIN source s ON s.id = c.source_id WHERE s.name = ?", source),
    );
    return row?.cursor.toString() ?? null;
  }
}
