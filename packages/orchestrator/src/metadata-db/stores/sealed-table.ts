import type { Actor } from "../../domain/audit-log.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { SecretCipher } from "../../domain/secret-cipher.ts";
import { all, execute, first, type Script, type SqlRunner, type SqlValue } from "../sql-script.ts";
import { recordAudit } from "./audit-log.ts";

interface SealedRow {
  readonly secret: Uint8Array;
}

interface NewRow {
  readonly key: string;
  /** Goes into `secret`. */
  readonly text: string;
  /** What can be read without the key, column by column. */
  readonly columns: Readonly<Record<string, SqlValue>>;
  readonly detail?: object;
}

/** Rows with a secret that the key of this installation opens, each bound to its own row. */
export class SealedTable<Row extends SealedRow> {
  readonly #runner: SqlRunner;
  readonly #cipher: SecretCipher;
  readonly #table: "connection" | "variable";
  readonly #keyColumn: "id" | "key";

  constructor(runner: SqlRunner, cipher: SecretCipher, table: "connection" | "variable") {
    this.#runner = runner;
    this.#cipher = cipher;
    this.#table = table;
    this.#keyColumn = table === "connection" ? "id" : "key";
  }

  /** In order of their keys. */
  async list(): Promise<readonly Row[]> {
    return this.#runner.run(() => all<Row>(`SELECT * FROM ${this.#table} ORDER BY ${this.#keyColumn}`));
  }

  async find(key: string): Promise<Row | undefined> {
    return this.#runner.run(() => first<Row>(`SELECT * FROM ${this.#table} WHERE ${this.#keyColumn} = ?`, key));
  }

  /** Replaces one of that key. @throws {MillraceError} SECRET_UNREADABLE, SECRET_KEY_INVALID */
  async save({ key, text, columns, detail }: NewRow, by: Actor): Promise<void> {
    const isAny = await this.#runner.run(isAnySealed);
    // A new key only where no row needs an old one.
    const secret = this.#cipher.seal(this.#subjectOf(key), text, { mayMakeKey: !isAny });
    const row = { ...columns, secret, updated_at: by.at };
    await this.#runner.transaction(() => this.#put(key, row, by, detail));
  }

  /** False where there was none. */
  async delete(key: string, by: Actor): Promise<boolean> {
    return this.#runner.transaction(() => this.#remove(key, by));
  }

  /** The text of a row, or why it cannot be read: one bad row must not hide the others. */
  open(key: string, { secret }: Row): string | MillraceError {
    try {
      return this.#cipher.open(this.#subjectOf(key), secret);
    } catch (error) {
      if (error instanceof MillraceError) return error;
      throw error;
    }
  }

  #subjectOf(key: string): string {
    return `${this.#table} '${key}'`;
  }

  *#put(key: string, row: Readonly<Record<string, SqlValue>>, by: Actor, detail: object | undefined): Script<void> {
    const names = Object.keys(row);
    const updates = names.map((name) => `${name} = excluded.${name}`).join(", ");
    const sql = `INSERT INTO ${this.#table} (${[this.#keyColumn, ...names].join(", ")}) VALUES (?${", ?".repeat(names.length)})
      ON CONFLICT (${this.#keyColumn}) DO UPDATE SET ${updates}`;
    yield* execute(sql, key, ...Object.values(row));
    yield* recordAudit(by, `${this.#table}.save`, key, detail);
  }

  *#remove(key: string, by: Actor): Script<boolean> {
    const removed = yield* first(`DELETE FROM ${this.#table} WHERE ${this.#keyColumn} = ? RETURNING ${this.#keyColumn}`, key);
    if (removed === undefined) return false;
    yield* recordAudit(by, `${this.#table}.delete`, key);
    return true;
  }
}

function* isAnySealed(): Script<boolean> {
  return (yield* first("SELECT 1 AS one FROM connection UNION ALL SELECT 1 FROM variable LIMIT 1")) !== undefined;
}
