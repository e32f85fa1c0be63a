import { Kysely } from "kysely";
import type { Reads } from "../../../domain/reads.ts";
import type { Database } from "../../../domain/tables.ts";
import { createReads } from "../../reads/create-reads.ts";
import { readerDialect } from "./reader-dialect.ts";
import { ReaderThread } from "./reader-thread.ts";

export interface SqliteReader {
  readonly reads: Reads;
  /** A second close is harmless. */
  close(): Promise<void>;
}

/**
 * Opens `file`, which must exist and be migrated, for reading on a thread of its own.
 * @throws {MillraceError} DB_UNREADABLE
 */
export async function openSqliteReader(file: string): Promise<SqliteReader> {
  const thread = new ReaderThread(file);
  try {
    await thread.opened();
  } catch (error) {
    await thread.close();
    throw error;
  }
  const db = new Kysely<Database>({ dialect: readerDialect(thread) });
  return { reads: createReads(db), close: () => thread.close() };
}
