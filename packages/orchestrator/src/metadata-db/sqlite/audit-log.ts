import type { Database, Statement } from "better-sqlite3";
import type { Actor, AuditLog } from "../../domain/audit-log.ts";

/** On the writer's connection, as accounts are. */
export class SqliteAuditLog implements AuditLog {
  readonly #insert: Statement;

  constructor(db: Database) {
    this.#insert = db.prepare("INSERT INTO audit_log (at, user_name, action, subject, detail) VALUES (?, ?, ?, ?, ?)");
  }

  async record(by: Actor, action: string, subject: string, detail?: object): Promise<void> {
    this.insert(by, action, subject, detail);
  }

  /** The same, within the transaction of what it tells of. */
  insert({ userName, at }: Actor, action: string, subject: string, detail?: object): void {
    this.#insert.run(at, userName, action, subject, detail === undefined ? null : Buffer.from(JSON.stringify(detail)));
  }
}
