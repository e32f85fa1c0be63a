import { closeSync, existsSync, mkdirSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { randomBytes } from "node:crypto";
import Database from "better-sqlite3";
import { MillraceError } from "../../domain/errors.ts";
import { assertCompatible, newestOf, readMigrations } from "../migrations.ts";

const MIGRATIONS = fileURLToPath(new URL("./migrations/", import.meta.url));

/** How every SQLite database begins; an empty file is a new one. */
const SQLITE_HEADER = "SQLite format 3\0";

/**
 * Looks before anything is written beside the file. One that does not exist is in order.
 * @throws {MillraceError} DB_UNREADABLE
 */
export function assertDatabaseFile(file: string): void {
  if (!existsSync(file)) return;
  const header = readHeader(file);
  if (header !== "" && header !== SQLITE_HEADER)
    throw new MillraceError("DB_UNREADABLE", `expected a SQLite database of Millrace in '${file}': file is not a database`);
}

function readHeader(file: string): string {
  const bytes = Buffer.alloc(SQLITE_HEADER.length);
  let descriptor: number | null = null;
  try {
    descriptor = openSync(file, "r");
    return bytes.toString("latin1", 0, readSync(descriptor, bytes));
  } catch (cause) {
    throw unopened(file, cause as Error);
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

/**
 * Opens the metadata DB for writing and brings its schema up to this version.
 * @throws {MillraceError} DB_UNREADABLE, DB_NEWER
 */
export function openDatabase(file: string): Database.Database {
  const db = connect(file);
  try {
    configure(db);
    migrate(db, file);
    return db;
  } catch (error) {
    db.close();
    if (error instanceof MillraceError) throw error;
    throw new MillraceError("DB_UNREADABLE", `expected a SQLite database of Millrace in '${file}': ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function connect(file: string): Database.Database {
  try {
    if (file !== ":memory:") mkdirSync(dirname(file), { recursive: true });
    return new Database(file);
  } catch (error) {
    throw unopened(file, error as Error);
  }
}

function unopened(file: string, cause: Error): MillraceError {
  return new MillraceError("DB_UNREADABLE", `cannot open the database file '${file}': ${cause.message}`, { cause });
}

function configure(db: Database.Database): void {
  db.pragma("journal_mode = WAL");
  // better-sqlite3 is compiled with NORMAL for WAL, under which an acknowledged commit is not yet on disk (P5).
  db.pragma("synchronous = FULL");
  db.pragma("wal_autocheckpoint = 2000");
  db.pragma("cache_size = -65536");
  db.pragma("temp_store = MEMORY");
  db.pragma("busy_timeout = 5000");
}

/** The number of the newest migration. */
export function newestSchemaVersion(): number {
  return newestOf(readMigrations(MIGRATIONS));
}

/** @throws {MillraceError} DB_NEWER */
function migrate(db: Database.Database, file: string): void {
  const migrations = readMigrations(MIGRATIONS);
  const current = db.pragma("user_version", { simple: true }) as number;
  if (current > newestOf(migrations))
    assertCompatible({ schema: current, compatibleWith: readCompatibleWith(db) ?? current }, migrations, file);
  for (const migration of migrations.filter(({ number }) => number > current)) {
    db.transaction(() => {
      db.exec(migration.sql);
      const put = db.prepare("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value");
      put.run("compatible_with", String(migration.compatibleWith));
      // Names this installation to its brokers (default consumer groups).
      db.prepare("INSERT OR IGNORE INTO meta VALUES ('instance', ?), ('definitions_version', '0')").run(randomBytes(6).toString("hex"));
      db.pragma(`user_version = ${migration.number}`);
    })();
  }
}

function readCompatibleWith(db: Database.Database): number | undefined {
  const row = db.prepare("SELECT value FROM meta WHERE key = 'compatible_with'").get() as { value: string } | undefined;
  return row === undefined ? undefined : Number(row.value);
}
