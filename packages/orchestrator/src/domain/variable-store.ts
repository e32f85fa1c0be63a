import type { Actor } from "./audit-log.ts";
import type { MillraceError } from "./errors.ts";

/** A variable and where it comes from. */
export interface VariableEntry {
  readonly key: string;
  readonly description: string | null;
  /** The environment variable that holds it; null: it is stored in the metadata DB. */
  readonly variable: string | null;
  /** null where it cannot be read: `error` says why. */
  readonly value: string | null;
  readonly error: MillraceError | null;
}

/** The variables in the environment. */
export interface VariableSource {
  list(): readonly VariableEntry[];
  find(key: string): VariableEntry | null;
  /** The environment variables that may hold it, in order of precedence. */
  variablesOf(key: string): readonly string[];
}

/** The variables in the metadata DB, encrypted but for key and description. */
export interface VariableStore {
  /** In order of key. */
  list(): Promise<readonly VariableEntry[]>;
  find(key: string): Promise<VariableEntry | null>;
  /** Replaces one of that key. @throws {MillraceError} SECRET_UNREADABLE, SECRET_KEY_INVALID */
  save(variable: { readonly key: string; readonly value: string; readonly description: string | null }, by: Actor): Promise<void>;
  /** False where there was none. */
  delete(key: string, by: Actor): Promise<boolean>;
}
