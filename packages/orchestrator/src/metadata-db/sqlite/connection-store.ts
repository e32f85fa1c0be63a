import type { Database, Statement } from "better-sqlite3";
import type { Connection } from "@millrace/sdk/provider";
import type { Actor } from "../../domain/audit-log.ts";
import type { ConnectionEntry, ConnectionStore } from "../../domain/connection-store.ts";
import type { SecretCipher } from "../../domain/secret-cipher.ts";
import type { ConnectionTable } from "../../domain/tables.ts";
import type { SqliteAuditLog } from "./audit-log.ts";
import { openSealed, sealRow } from "./sealed-row.ts";

type SecretFields = Omit<Connection, "id" | "connType">;

/** Each act is one small synchronous transaction on the writer's connection, so none falls into a commit. */
export class SqliteConnectionStore implements ConnectionStore {
  readonly #db: Database;
  readonly #cipher: SecretCipher;
  readonly #audit: SqliteAuditLog;
  readonly #find: Statement;

  constructor(db: Database, cipher: SecretCipher, audit: SqliteAuditLog) {
    this.#db = db;
    this.#cipher = cipher;
    this.#audit = audit;
    this.#find = db.prepare("SELECT * FROM connection WHERE id = ?");
  }

  async list(): Promise<readonly ConnectionEntry[]> {
    const rows = this.#db.prepare("SELECT * FROM connection ORDER BY id").all() as ConnectionTable[];
    return rows.map((row) => this.#toEntry(row));
  }

  async find(id: string): Promise<ConnectionEntry | null> {
    const row = this.#find.get(id) as ConnectionTable | undefined;
    return row === undefined ? null : this.#toEntry(row);
  }

  async save({ id, connType, ...fields }: Connection, description: string | null, by: Actor): Promise<void> {
    const secret = sealRow(this.#db, this.#cipher, subjectOf(id), JSON.stringify(fields satisfies SecretFields));
    const save = this.#db.prepare("INSERT OR REPLACE INTO connection VALUES (?, ?, ?, ?, ?)");
    this.#db.transaction(() => {
      save.run(id, connType, secret, description, by.at);
      this.#audit.insert(by, "connection.save", id, { conn_type: connType });
    })();
  }

  async delete(id: string, by: Actor): Promise<boolean> {
    const remove = this.#db.prepare("DELETE FROM connection WHERE id = ?");
    return this.#db.transaction(() => {
      const isDeleted = remove.run(id).changes > 0;
      if (isDeleted) this.#audit.insert(by, "connection.delete", id);
      return isDeleted;
    })();
  }

  #toEntry({ id, conn_type: connType, description, secret }: ConnectionTable): ConnectionEntry {
    const text = openSealed(this.#cipher, subjectOf(id), secret);
    const entry = { id, connType, description, variable: null };
    if (typeof text !== "string") return { ...entry, connection: null, error: text };
    return { ...entry, connection: { ...(JSON.parse(text) as SecretFields), id, connType }, error: null };
  }
}

function subjectOf(id: string): string {
  return `connection '${id}'`;
}
