import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import type { Database } from "better-sqlite3";
import type { Pool } from "pg";
import type { Reads } from "../../src/domain/reads.ts";
import type { PostgresDatabase } from "../../src/metadata-db/postgres/open-postgres.ts";
import { openPostgresReader } from "../../src/metadata-db/postgres/open-postgres-reader.ts";
import { PostgresRunner } from "../../src/metadata-db/postgres/postgres-runner.ts";
import { all, execute, type Script, type SqlRow, type SqlRunner, type SqlValue } from "../../src/metadata-db/sql-script.ts";
import { openSqliteReader } from "../../src/metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { SqliteRunner } from "../../src/metadata-db/sqlite/sqlite-runner.ts";
import { createDatabase, openTestPostgres } from "../postgres-database.ts";
import { seedDatabase } from "../seeded-database.ts";

/** A metadata DB with the rows of seeded-database.ts, and no other's. */
export interface TestDatabase {
  readonly runner: SqlRunner;
  readonly reads: Reads;
  readonly query: <Row = SqlRow>(sql: string, ...parameters: readonly SqlValue[]) => Promise<readonly Row[]>;
  /** All that is kept, as it is kept. */
  readonly contents: () => Promise<string>;
}

export type OpenTestDatabase = (t: TestContext) => Promise<TestDatabase>;

export const openSqliteTest: OpenTestDatabase = async (t) => {
  const { file, db } = seedDatabase(t);
  const reader = await openSqliteReader(file);
  t.after(() => reader.close());
  const contents = async (): Promise<string> => {
    db.pragma("wal_checkpoint(TRUNCATE)");
    return readFileSync(file, "latin1");
  };
  return make(new SqliteRunner(db), reader.reads, contents);
};

/** The same on PostgreSQL. */
async function seedPostgres(t: TestContext): Promise<{ db: Database; database: PostgresDatabase; runner: PostgresRunner }> {
  const { db } = seedDatabase(t);
  const database = await openTestPostgres(t, await createDatabase());
  const runner = new PostgresRunner(database.pool, database.address);
  await runner.transaction(() => copyRows(db));
  return { db, database, runner };
}

export async function openPostgresPool(t: TestContext): Promise<Pool> {
  return (await seedPostgres(t)).database.pool;
}

export const openPostgresTest: OpenTestDatabase = async (t) => {
  const { db, database, runner } = await seedPostgres(t);
  const reads = openPostgresReader(database);
  const contents = async (): Promise<string> => {
    const rows = await Promise.all(tablesOf(db).map(async (table) => runner.run(() => all<SqlRow>(`SELECT * FROM ${table}`))));
    const values = rows.flat().flatMap((row) => Object.values(row));
    return values.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value))).join("\n");
  };
  return make(runner, reads, contents);
};

function make(runner: SqlRunner, reads: Reads, contents: () => Promise<string>): TestDatabase {
  return { runner, reads, contents, query: async (sql, ...parameters) => runner.run(() => all(sql, ...parameters)) };
}

/** Both dialects have the same tables and columns, but for the counter of commits. */
function tablesOf(db: Database): readonly string[] {
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").pluck().all() as string[];
  return names.filter((name) => name !== "commit_counter");
}

function* copyRows(db: Database): Script<void> {
  for (const table of tablesOf(db)) {
    yield* execute(`DELETE FROM ${table}`);
    for (const row of db.prepare(`SELECT * FROM ${table}`).all() as SqlRow[]) {
      const places = Object.keys(row).map(() => "?");
      yield* execute(`INSERT INTO ${table} (${Object.keys(row).join(", ")}) VALUES (${places.join(", ")})`, ...Object.values(row));
    }
  }
  // Ids that were given leave the sequences of their columns behind.
  const sequences = yield* all<{ name: string; table: string }>(`SELECT pg_get_serial_sequence(attrelid::regclass::text, attname) AS name,
    attrelid::regclass::text AS table FROM pg_attribute WHERE attidentity <> '' AND attrelid::regclass::text NOT LIKE '%.%'`);
  for (const { name, table } of sequences)
    yield* execute(`SELECT setval('${name}', (SELECT max(id) FROM ${table}) + 1, false) FROM ${table} LIMIT 1`);
}
