import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { MillraceError } from "../../domain/errors.ts";

export interface FileLock {
  release(): void;
}

/**
 * One server per SQLite file: Node has no flock, so the lock is a SQLite file beside the database, held by an
 * open exclusive transaction; the operating system drops it when the process dies.
 * @throws {MillraceError} DB_LOCKED, DB_UNREADABLE
 */
export function lockDatabase(file: string): FileLock {
  const lockFile = `${file.replace(/\.db$/, "")}.lock.db`;
  let lock: Database.Database | null = null;
  try {
    mkdirSync(dirname(lockFile), { recursive: true });
    lock = new Database(lockFile, { timeout: 0 });
    lock.pragma("journal_mode = DELETE");
    lock.exec("BEGIN EXCLUSIVE");
    const held = lock;
    return { release: () => void held.close() };
  } catch (error) {
    lock?.close();
    const { code, message } = error as { code?: string; message: string };
    if (code === "SQLITE_BUSY")
      throw new MillraceError("DB_LOCKED", `another Millrace server uses the database '${file}'`, { cause: error });
    throw new MillraceError("DB_UNREADABLE", `cannot write the lock file '${lockFile}' of the database: ${message}`, { cause: error });
  }
}
