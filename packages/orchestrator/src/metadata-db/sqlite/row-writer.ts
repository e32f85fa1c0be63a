import type { Database, Statement } from "better-sqlite3";
import type { CommitRows, Row } from "../commit/commit-rows.ts";
import { COMMIT_STATEMENTS, type CommitStatementName, type RowStatement } from "../commit/commit-tables.ts";

/** Rows that one statement inserts; what is left over goes one by one. */
const ROWS_PER_INSERT = 8;

/** Writes the rows of a commit with prepared statements. */
export class RowWriter {
  readonly #db: Database;
  readonly #prepared = new Map<string, Statement>();

  constructor(db: Database) {
    this.#db = db;
  }

  write(rows: CommitRows): void {
    for (const [name, values] of rows.statements()) this.#writeRows(name, values);
  }

  #writeRows(name: CommitStatementName, rows: readonly Row[]): void {
    const statement = COMMIT_STATEMENTS[name];
    let done = 0;
    if (statement.kind === "insert" && rows.length >= ROWS_PER_INSERT) {
      const several = this.#prepare(name, statement, ROWS_PER_INSERT);
      for (; done + ROWS_PER_INSERT <= rows.length; done += ROWS_PER_INSERT) several.run(rows.slice(done, done + ROWS_PER_INSERT).flat());
    }
    if (done === rows.length) return;
    const single = this.#prepare(name, statement, 1);
    for (; done < rows.length; done += 1) single.run(rows[done]!);
  }

  #prepare(name: CommitStatementName, statement: RowStatement, count: number): Statement {
    const key = `${name} ${count}`;
    const known = this.#prepared.get(key);
    if (known !== undefined) return known;
    const prepared = this.#db.prepare(textOf(statement, count));
    this.#prepared.set(key, prepared);
    return prepared;
  }
}

function textOf({ kind, table, columns, keys, onConflict, computed }: RowStatement, count: number): string {
  const names = Object.keys(columns);
  const found = keys.map((key) => `${key} = ?`).join(" AND ");
  if (kind === "delete") return `DELETE FROM ${table} WHERE ${found}`;
  if (kind === "update") {
    const values = names.filter((name) => !keys.includes(name)).map((name) => `${name} = ?`);
    const expressions = Object.entries(computed).map(([name, expression]) => `${name} = ${expression}`);
    return `UPDATE ${table} AS t SET ${[...values, ...expressions].join(", ")} WHERE ${found}`;
  }
  const row = `(${names.map(() => "?").join(", ")})`;
  const rows = Array.from({ length: count }, () => row).join(", ");
  return `INSERT INTO ${table} (${names.join(", ")}) VALUES ${rows} ${onConflict}`;
}
