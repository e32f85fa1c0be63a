/** What a column holds, in either dialect: integers below 2^53, text, bytes. */
export type SqlValue = number | string | Uint8Array | null;

/** One statement; `?` stands for a parameter in both dialects, so its text holds no other question mark. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

export type SqlRow = Readonly<Record<string, SqlValue>>;

/**
 * Statements that are yielded and whose rows come back: so one text runs on a driver that blocks (SQLite, where nothing
 * else may come between) and on one that does not (PostgreSQL). What is written here is in both dialects' SQL.
 */
export type Script<T> = Generator<Statement, T, readonly SqlRow[]>;

/** Runs scripts on one dialect's connection. */
export interface SqlRunner {
  /** In one transaction, rolled back where the script throws. */
  transaction<T>(script: () => Script<T>): Promise<T>;
  /** Each statement by itself. */
  run<T>(script: () => Script<T>): Promise<T>;
  /** What tells SQLite's planner to take this index, where PostgreSQL's statistics do: `INDEXED BY name`, or nothing. */
  indexedBy(index: string): string;
}

/** The rows that a statement gives: those of a SELECT, or of RETURNING. */
export function* all<Row>(sql: string, ...parameters: readonly SqlValue[]): Script<readonly Row[]> {
  return (yield { sql, parameters }) as unknown as readonly Row[];
}

/** The first row, if any. */
export function* first<Row>(sql: string, ...parameters: readonly SqlValue[]): Script<Row | undefined> {
  return (yield* all<Row>(sql, ...parameters))[0];
}

/** A statement whose rows nobody reads. */
export function* execute(sql: string, ...parameters: readonly SqlValue[]): Script<void> {
  yield { sql, parameters };
}
