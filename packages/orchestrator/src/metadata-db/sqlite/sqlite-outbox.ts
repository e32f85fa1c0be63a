import type { Database, Statement } from "better-sqlite3";
import type { Committer } from "../../domain/committer.ts";
import type { Outbox, OutboxMessage, OutboxOutcome } from "../../domain/outbox.ts";
import type { OutboxMessageTable } from "../../domain/tables.ts";
import { decodeObject } from "../stored-json.ts";

/** Reads pending messages; what became of them goes through the committer. */
export class SqliteOutbox implements Outbox {
  readonly #committer: Committer;
  readonly #selectPending: Statement;

  constructor(db: Database, committer: Committer) {
    this.#committer = committer;
    this.#selectPending = db.prepare("SELECT * FROM outbox_message WHERE state < 10 AND id > ? ORDER BY id LIMIT ?");
  }

  async pending(afterId: number, limit: number): Promise<readonly OutboxMessage[]> {
    return (this.#selectPending.all(afterId, limit) as OutboxMessageTable[]).map((row) => ({
      id: row.id,
      kind: row.kind,
      connection: row.connection,
      params: decodeObject(row.params),
      options: decodeObject(row.options),
      body: row.body,
      attempts: row.attempts,
    }));
  }

  record(outcomes: readonly OutboxOutcome[]): Promise<void> {
    return this.#committer.recordOutbox(outcomes);
  }
}
