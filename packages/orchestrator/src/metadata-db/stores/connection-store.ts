import type { Connection } from "@millrace/sdk/provider";
import type { Actor } from "../../domain/audit-log.ts";
import type { ConnectionEntry, ConnectionStore } from "../../domain/connection-store.ts";
import type { SecretCipher } from "../../domain/secret-cipher.ts";
import type { ConnectionTable } from "../../domain/tables.ts";
import type { SqlRunner } from "../sql-script.ts";
import { SealedTable } from "./sealed-table.ts";

type SecretFields = Omit<Connection, "id" | "connType">;

export class SqlConnectionStore implements ConnectionStore {
  readonly #rows: SealedTable<ConnectionTable>;

  constructor(runner: SqlRunner, cipher: SecretCipher) {
    this.#rows = new SealedTable(runner, cipher, "connection");
  }

  async list(): Promise<readonly ConnectionEntry[]> {
    return (await this.#rows.list()).map((row) => this.#toEntry(row));
  }

  async find(id: string): Promise<ConnectionEntry | null> {
    const row = await this.#rows.find(id);
    return row === undefined ? null : this.#toEntry(row);
  }

  async save({ id, connType, ...fields }: Connection, description: string | null, by: Actor): Promise<void> {
    const columns = { conn_type: connType, description };
    const text = JSON.stringify(fields satisfies SecretFields);
    await this.#rows.save({ key: id, text, columns, detail: { conn_type: connType } }, by);
  }

  async delete(id: string, by: Actor): Promise<boolean> {
    return this.#rows.delete(id, by);
  }

  #toEntry(row: ConnectionTable): ConnectionEntry {
    const { id, conn_type: connType, description } = row;
    const text = this.#rows.open(id, row);
    const entry = { id, connType, description, variable: null };
    if (typeof text !== "string") return { ...entry, connection: null, error: text };
    return { ...entry, connection: { ...(JSON.parse(text) as SecretFields), id, connType }, error: null };
  }
}
