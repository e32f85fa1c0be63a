import type { Actor } from "../../domain/audit-log.ts";
import type { SecretCipher } from "../../domain/secret-cipher.ts";
import type { VariableTable } from "../../domain/tables.ts";
import type { VariableEntry, VariableStore } from "../../domain/variable-store.ts";
import type { SqlRunner } from "../sql-script.ts";
import { SealedTable } from "./sealed-table.ts";

export class SqlVariableStore implements VariableStore {
  readonly #rows: SealedTable<VariableTable>;

  constructor(runner: SqlRunner, cipher: SecretCipher) {
    this.#rows = new SealedTable(runner, cipher, "variable");
  }

  async list(): Promise<readonly VariableEntry[]> {
    return (await this.#rows.list()).map((row) => this.#toEntry(row));
  }

  async find(key: string): Promise<VariableEntry | null> {
    const row = await this.#rows.find(key);
    return row === undefined ? null : this.#toEntry(row);
  }

  async save({ key, value, description }: Parameters<VariableStore["save"]>[0], by: Actor): Promise<void> {
    await this.#rows.save({ key, text: value, columns: { description } }, by);
  }

  async delete(key: string, by: Actor): Promise<boolean> {
    return this.#rows.delete(key, by);
  }

  #toEntry(row: VariableTable): VariableEntry {
    const { key, description } = row;
    const text = this.#rows.open(key, row);
    const entry = { key, description, variable: null };
    return typeof text === "string" ? { ...entry, value: text, error: null } : { ...entry, value: null, error: text };
  }
}
