import type { Database, Statement } from "better-sqlite3";
import type { Actor } from "../../domain/audit-log.ts";
import type { SecretCipher } from "../../domain/secret-cipher.ts";
import type { VariableTable } from "../../domain/tables.ts";
import type { VariableEntry, VariableStore } from "../../domain/variable-store.ts";
import type { SqliteAuditLog } from "./audit-log.ts";
import { openSealed, sealRow } from "./sealed-row.ts";

/** Each act is one small synchronous transaction on the writer's connection, so none falls into a commit. */
export class SqliteVariableStore implements VariableStore {
  readonly #db: Database;
  readonly #cipher: SecretCipher;
  readonly #audit: SqliteAuditLog;
  readonly #find: Statement;

  constructor(db: Database, cipher: SecretCipher, audit: SqliteAuditLog) {
    this.#db = db;
    this.#cipher = cipher;
    this.#audit = audit;
    this.#find = db.prepare("SELECT * FROM variable WHERE key = ?");
  }

  async list(): Promise<readonly VariableEntry[]> {
    const rows = this.#db.prepare("SELECT * FROM variable ORDER BY key").all() as VariableTable[];
    return rows.map((row) => this.#toEntry(row));
  }

  async find(key: string): Promise<VariableEntry | null> {
    const row = this.#find.get(key) as VariableTable | undefined;
    return row === undefined ? null : this.#toEntry(row);
  }

  async save({ key, value, description }: Parameters<VariableStore["save"]>[0], by: Actor): Promise<void> {
    const secret = sealRow(this.#db, this.#cipher, subjectOf(key), value);
    const save = this.#db.prepare("INSERT OR REPLACE INTO variable VALUES (?, ?, ?, ?)");
    this.#db.transaction(() => {
      save.run(key, secret, description, by.at);
      this.#audit.insert(by, "variable.save", key);
    })();
  }

  async delete(key: string, by: Actor): Promise<boolean> {
    const remove = this.#db.prepare("DELETE FROM variable WHERE key = ?");
    return this.#db.transaction(() => {
      const isDeleted = remove.run(key).changes > 0;
      if (isDeleted) this.#audit.insert(by, "variable.delete", key);
      return isDeleted;
    })();
  }

  #toEntry({ key, description, secret }: VariableTable): VariableEntry {
    const text = openSealed(this.#cipher, subjectOf(key), secret);
    const entry = { key, description, variable: null };
    return typeof text === "string" ? { ...entry, value: text, error: null } : { ...entry, value: null, error: text };
  }
}

function subjectOf(key: string): string {
  return `variable '${key}'`;
}
