import { join } from "node:path";
import Database from "better-sqlite3";
import { MillraceError } from "../../domain/errors.ts";

export interface FileLock {
  release(): void;
}

/**
 * One server per SQLite file: Node has no flock, so the lock is a SQLite file beside the database, held by an
 * open exclusive transaction; the operating system drops it when the process dies.
 * @throws {MillraceError} DB_LOCKED
 */
export function lockDatabase(file: string): FileLock {
  const lockFile = join(`${file.replace(/\.db$/, "")}.lock.db`);
  const lock = new Database(lockFile, { timeout: 0 });
  try {
    lock.pragma("journal_mode = DELETE");
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    throw new MillraceError("DB_LOCKED", `another Millrace server uses the database '${file}'`, { cause: error });
  }
  return { release: () => lock.close() };
}
