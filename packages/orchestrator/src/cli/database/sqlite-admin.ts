import { statSync } from "node:fs";
import type { Database } from "better-sqlite3";
import { systemClock } from "../../domain/clock.ts";
import type { DatabaseCheck } from "../../metadata-db/check-invariants.ts";
import { checkDatabase } from "../../metadata-db/sqlite/check-database.ts";
import { backupDatabase, openReadOnly, readDatabaseVersion, restoreDatabase } from "../../metadata-db/sqlite/database-copy.ts";
import { lockDatabase } from "../../metadata-db/sqlite/file-lock.ts";
import { openDatabase } from "../../metadata-db/sqlite/open-database.ts";
import type { DatabaseAdmin, DatabaseVersion } from "./database-admin.ts";

export class SqliteAdmin implements DatabaseAdmin {
  readonly name: string;

  constructor(file: string) {
    this.name = file;
  }

  async readVersion(): Promise<DatabaseVersion> {
    return this.#read(async (db) => ({ ...readDatabaseVersion(db), bytes: statSync(this.name).size }));
  }

  async check(): Promise<readonly DatabaseCheck[]> {
    return this.#read(checkDatabase);
  }

  async migrate(): Promise<void> {
    this.#locked(() => openDatabase(this.name).close());
  }

  async backup(file: string): Promise<void> {
    await backupDatabase(this.name, file);
  }

  async restore(file: string): Promise<string | null> {
    return this.#locked(() => restoreDatabase(file, this.name, systemClock.now()));
  }

  async #read<Value>(act: (db: Database) => Promise<Value>): Promise<Value> {
    const db = openReadOnly(this.name);
    try {
      return await act(db);
    } finally {
      db.close();
    }
  }

  #locked<Value>(act: () => Value): Value {
    const lock = lockDatabase(this.name);
    try {
      return act();
    } finally {
      lock.release();
    }
  }
}
