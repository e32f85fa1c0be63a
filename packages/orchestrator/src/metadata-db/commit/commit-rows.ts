import type { SqlValue } from "../sql-script.ts";
import { COMMIT_STATEMENT_NAMES, type CommitStatementName } from "./commit-tables.ts";

export type Row = readonly SqlValue[];

/** The rows of one commit by statement. Of rows with a key the last one counts: a statement meets each row once. */
export class CommitRows {
  readonly #rows = new Map<CommitStatementName, Row[]>();
  readonly #keyed = new Map<CommitStatementName, Map<string, Row>>();

  add(name: CommitStatementName, row: Row): void {
    const rows = this.#rows.get(name);
    if (rows === undefined) this.#rows.set(name, [row]);
    else rows.push(row);
  }

  put(name: CommitStatementName, key: string, row: Row): void {
    let rows = this.#keyed.get(name);
    if (rows === undefined) {
      rows = new Map();
      this.#keyed.set(name, rows);
    }
    rows.set(key, row);
  }

  /** In the order in which they are to be written; statements without rows are left out. */
  *statements(): Generator<readonly [CommitStatementName, readonly Row[]]> {
    for (const name of COMMIT_STATEMENT_NAMES) {
      const rows = this.#rows.get(name) ?? [...(this.#keyed.get(name)?.values() ?? [])];
      if (rows.length > 0) yield [name, rows];
    }
  }
}
