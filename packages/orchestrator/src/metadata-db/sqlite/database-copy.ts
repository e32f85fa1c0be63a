import { chmodSync, copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import Database from "better-sqlite3";
import { MillraceError } from "../../domain/errors.ts";
import { moveDurably } from "../move-durably.ts";
import { checkIntegrity } from "./check-database.ts";
import { assertDatabaseFile, newestSchemaVersion } from "./open-database.ts";

const OWNER_ONLY = 0o600;
const ALL_PAGES = 0x7fff_ffff;

export interface DatabaseVersion {
  readonly schema: number;
  /** The newest that this Millrace knows. */
  readonly newest: number;
}

/**
 * Opens what exists for reading; also beside a running server.
 * @throws {MillraceError} DB_UNREADABLE
 */
export function openReadOnly(file: string): Database.Database {
  if (!existsSync(file)) throw new MillraceError("DB_UNREADABLE", `there is no database file '${file}'`);
  assertDatabaseFile(file);
  try {
    const db = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    return db;
  } catch (cause) {
    throw new MillraceError("DB_UNREADABLE", `cannot read the database file '${file}': ${(cause as Error).message}`, { cause });
  }
}

export function readDatabaseVersion(db: Database.Database): DatabaseVersion {
  return { schema: db.pragma("user_version", { simple: true }) as number, newest: newestSchemaVersion() };
}

/**
 * One state of the database in a file of its own, whole or not at all, while a server goes on writing.
 * @throws {MillraceError} DB_UNREADABLE; USAGE where `to` exists
 */
export async function backupDatabase(from: string, to: string): Promise<void> {
  if (existsSync(to)) throw new MillraceError("USAGE", `the file '${to}' exists already`, { hint: "name another, or delete it" });
  const draft = `${to}.part`;
  rmSync(draft, { force: true });
  const db = openReadOnly(from);
  try {
    // Held open: otherwise each commit of the server would start the copy again.
    db.exec("BEGIN");
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    await db.backup(draft, { progress: () => ALL_PAGES });
    chmodSync(draft, OWNER_ONLY);
    becomeOneFile(draft);
    assertSound(draft);
    moveDurably(draft, to);
  } catch (error) {
    rmSync(draft, { force: true });
    if (error instanceof MillraceError) throw error;
    throw new MillraceError("DB_UNREADABLE", `cannot copy '${from}' to '${to}': ${(error as Error).message}`, { cause: error });
  } finally {
    db.close();
  }
}

/**
 * Puts a backup in the place of the database; whoever calls it holds the lock. What was there is kept under the returned name,
 * null where there was nothing.
 * @throws {MillraceError} DB_UNREADABLE, DB_NEWER; then nothing was changed
 */
export function restoreDatabase(backup: string, file: string, now: number): string | null {
  assertSound(backup);
  const draft = `${file}.restoring`;
  copyFileSync(backup, draft);
  chmodSync(draft, OWNER_ONLY);
  const kept = existsSync(file) ? `${file}.before-restore-${new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, "")}` : null;
  if (kept !== null) for (const end of ["", "-wal", "-shm"]) if (existsSync(file + end)) renameSync(file + end, kept + end);
  moveDurably(draft, file);
  return kept;
}

/** @throws {MillraceError} DB_UNREADABLE, DB_NEWER */
function assertSound(file: string): void {
  const db = openReadOnly(file);
  try {
    const { schema, newest } = readDatabaseVersion(db);
    if (schema > newest)
      throw new MillraceError("DB_NEWER", `'${file}' has schema version ${schema}, this Millrace knows versions up to ${newest}`);
    const { broken, samples } = checkIntegrity(db);
    if (schema === 0 || broken > 0)
      throw new MillraceError(
        "DB_UNREADABLE",
        `expected a sound database of Millrace in '${file}': ${samples[0] ?? "it has no schema of ours"}`,
      );
  } finally {
    db.close();
  }
}

/** Without the files that SQLite keeps beside one in WAL mode; a server puts it back into that. */
function becomeOneFile(file: string): void {
  const db = new Database(file);
  db.pragma("journal_mode = DELETE");
  db.close();
}
