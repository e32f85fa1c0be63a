import type { Actor, AuditLog } from "../../domain/audit-log.ts";
import { execute, type Script, type SqlRunner } from "../sql-script.ts";

export class SqlAuditLog implements AuditLog {
  readonly #runner: SqlRunner;

  constructor(runner: SqlRunner) {
    this.#runner = runner;
  }

  async record(by: Actor, action: string, subject: string, detail?: object): Promise<void> {
    await this.#runner.run(() => recordAudit(by, action, subject, detail));
  }
}

/** The same, within the transaction of what it tells of. */
export function* recordAudit({ userName, at }: Actor, action: string, subject: string, detail?: object): Script<void> {
  const json = detail === undefined ? null : Buffer.from(JSON.stringify(detail));
  yield* execute(
    "INSERT INTO audit_log (at, user_name, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
    at,
    userName,
    action,
    subject,
    json,
  );
}
