import type { Database, Statement } from "better-sqlite3";
import type { PurgeReceipt, PurgeStep } from "../../../domain/retention.ts";
import type { TablePurge } from "./table-purge.ts";

/** Tokens that expired: as many as there were logins, so in one step. */
export class TokenPurge implements TablePurge {
  readonly #count: Statement;
  readonly #delete: Statement;

  constructor(db: Database) {
    this.#count = db.prepare("SELECT count(*) FROM api_token WHERE expires_at < ?").pluck();
    this.#delete = db.prepare("DELETE FROM api_token WHERE expires_at < ?");
  }

  step({ before, isDryRun }: PurgeStep): PurgeReceipt {
    return { purged: isDryRun ? (this.#count.get(before) as number) : this.#delete.run(before).changes, next: null };
  }
}
