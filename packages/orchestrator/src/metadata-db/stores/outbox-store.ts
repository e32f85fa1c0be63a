import type { Committer } from "../../domain/committer.ts";
import type { Outbox, OutboxMessage, OutboxOutcome } from "../../domain/outbox.ts";
import type { OutboxMessageTable } from "../../domain/tables.ts";
import { all, type SqlRunner } from "../sql-script.ts";
import { decodeObject } from "../stored-json.ts";

/** Reads the pending messages of a process; what became of them goes through the committer. */
export class SqlOutbox implements Outbox {
  readonly #runner: SqlRunner;
  readonly #committer: Committer;
  readonly #ownerId: number;

  constructor(runner: SqlRunner, committer: Committer, ownerId: number) {
    this.#runner = runner;
    this.#committer = committer;
    this.#ownerId = ownerId;
  }

  async pending(afterId: number, limit: number): Promise<readonly OutboxMessage[]> {
    const sql = "SELECT * FROM outbox_message WHERE state < 10 AND id > ? AND owner_id = ? ORDER BY id LIMIT ?";
    const rows = await this.#runner.run(() => all<OutboxMessageTable>(sql, afterId, this.#ownerId, limit));
    return rows.map(toOutboxMessage);
  }

  record(outcomes: readonly OutboxOutcome[]): Promise<void> {
    return this.#committer.recordOutbox(outcomes);
  }
}

export function toOutboxMessage(row: OutboxMessageTable): OutboxMessage {
  return {
    id: row.id,
    kind: row.kind,
    connection: row.connection,
    params: decodeObject(row.params),
    options: decodeObject(row.options),
    body: row.body,
    attempts: row.attempts,
  };
}
