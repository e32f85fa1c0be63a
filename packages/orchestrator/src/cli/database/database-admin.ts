import type { DatabaseAddress } from "../../config/database-url.ts";
import type { DatabaseCheck } from "../../metadata-db/check-invariants.ts";
import { PostgresAdmin } from "./postgres-admin.ts";
import { SqliteAdmin } from "./sqlite-admin.ts";

export interface DatabaseVersion {
  readonly schema: number;
  /** The newest that this Millrace knows. */
  readonly newest: number;
  readonly bytes: number;
}

/** What the `db` commands do to a database itself, with or without a server. */
export interface DatabaseAdmin {
  /** A file or an address, without a password. */
  readonly name: string;
  /** @throws {MillraceError} DB_UNREADABLE, DB_UNREACHABLE, DB_REFUSED */
  readVersion(): Promise<DatabaseVersion>;
  /** Also beside a running server: it looks at one state. */
  check(): Promise<readonly DatabaseCheck[]>;
  /** @throws {MillraceError} DB_LOCKED, DB_NEWER, DB_UNSUITABLE */
  migrate(): Promise<void>;
  /** Also beside a running server. @throws {MillraceError} USAGE where `file` exists; DB_UNREADABLE */
  backup(file: string): Promise<void>;
  /**
   * Where what was there is kept; null where there was nothing.
   * @throws {MillraceError} DB_LOCKED while a server runs on it; DB_UNREADABLE, DB_NEWER for a file that is no sound backup
   */
  restore(file: string): Promise<string | null>;
}

/** `path` is PATH, for PostgreSQL's own programs. */
export function adminOf(database: DatabaseAddress, path: string): DatabaseAdmin {
  return database.kind === "sqlite" ? new SqliteAdmin(database.file) : new PostgresAdmin(database.url, path);
}
