import type { Connection } from "@millrace/sdk/provider";
import type { Actor } from "./audit-log.ts";
import type { MillraceError } from "./errors.ts";

/** A connection and where it comes from. */
export interface ConnectionEntry {
  readonly id: string;
  /** Empty where an environment variable does not hold a connection. */
  readonly connType: string;
  readonly description: string | null;
  /** The environment variable that holds it; null: it is stored in the metadata DB. */
  readonly variable: string | null;
  /** null where it cannot be read: `error` says why. */
  readonly connection: Connection | null;
  readonly error: MillraceError | null;
}

/** The connections in the environment. */
export interface ConnectionSource {
  list(): readonly ConnectionEntry[];
  find(id: string): ConnectionEntry | null;
  /** The variables that may hold it, in order of precedence. */
  variablesOf(id: string): readonly string[];
}

/** The connections in the metadata DB, encrypted but for id, type and description. One that cannot be decrypted is an entry with an error. */
export interface ConnectionStore {
  /** In order of id. */
  list(): Promise<readonly ConnectionEntry[]>;
  find(id: string): Promise<ConnectionEntry | null>;
  /** Replaces one of that id. @throws {MillraceError} SECRET_UNREADABLE, SECRET_KEY_INVALID */
  save(connection: Connection, description: string | null, by: Actor): Promise<void>;
  /** False where there was none. */
  delete(id: string, by: Actor): Promise<boolean>;
}
