import { existsSync } from "node:fs";
import type { Database } from "better-sqlite3";
import type { Config } from "../../config/config.ts";
import { MillraceError } from "../../domain/errors.ts";
import { lockDatabase } from "../../metadata-db/sqlite/file-lock.ts";
import { assertDatabaseFile, openDatabase } from "../../metadata-db/sqlite/open-database.ts";

/** For commands on the file itself: under the lock that a server would hold. @throws {MillraceError} DB_LOCKED, DB_UNREADABLE, DB_NEWER */
export async function withDatabaseFile<Value>({ dbFile }: Pick<Config, "dbFile">, act: (db: Database) => Promise<Value>): Promise<Value> {
  if (!existsSync(dbFile))
    throw new MillraceError("DB_UNREADABLE", `there is no database file '${dbFile}'`, {
      hint: "name it: --db sqlite:FILE, MILLRACE_DB_URL or MILLRACE_HOME",
    });
  assertDatabaseFile(dbFile);
  const lock = lockDatabase(dbFile);
  try {
    const db = openDatabase(dbFile);
    try {
      return await act(db);
    } finally {
      db.close();
    }
  } finally {
    lock.release();
  }
}
