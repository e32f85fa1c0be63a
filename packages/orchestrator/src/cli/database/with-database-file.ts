import { existsSync } from "node:fs";
import type { Database } from "better-sqlite3";
import { MillraceError } from "../../domain/errors.ts";
import { lockDatabase } from "../../metadata-db/sqlite/file-lock.ts";
import { assertDatabaseFile, openDatabase } from "../../metadata-db/sqlite/open-database.ts";

/** For commands on the file itself: under the lock that a server would hold. @throws {MillraceError} DB_LOCKED, DB_UNREADABLE, DB_NEWER */
export async function withDatabaseFile<Value>(file: string, act: (db: Database) => Promise<Value>): Promise<Value> {
  if (!existsSync(file))
    throw new MillraceError("DB_UNREADABLE", `there is no database file '${file}'`, {
      hint: "name it: --db sqlite:FILE, MILLRACE_DB_URL or MILLRACE_HOME",
    });
  assertDatabaseFile(file);
  const lock = lockDatabase(file);
  try {
    const db = openDatabase(file);
    try {
      return await act(db);
    } finally {
      db.close();
    }
  } finally {
    lock.release();
  }
}
