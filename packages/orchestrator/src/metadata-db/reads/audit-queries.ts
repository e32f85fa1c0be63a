import type { Kysely } from "kysely";
import type { AuditFilter, AuditRead, AuditReads } from "../../domain/audit-reads.ts";
import type { Page, PageRequest } from "../../domain/reads.ts";
import type { AuditLogTable, Database } from "../../domain/tables.ts";
import { decodeJson } from "../stored-json.ts";

export class AuditQueries implements AuditReads {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  async list(filter: AuditFilter, page: PageRequest): Promise<Page<AuditRead>> {
    const matching = this.#select(filter);
    const [rows, { total }] = await Promise.all([
      matching
        .selectAll()
        .orderBy("id", page.order === "descending" ? "desc" : "asc")
        .limit(page.limit)
        .offset(page.offset)
        .execute(),
      matching.select(({ fn }) => fn.countAll<number>().as("total")).executeTakeFirstOrThrow(),
    ]);
    return { rows: rows.map(toAudit), total };
  }

  async find(id: number): Promise<AuditRead | null> {
    const row = await this.#db.selectFrom("audit_log").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? null : toAudit(row);
  }

  /** People are slow: the table is small enough to be looked through. */
  #select({ userName, action, subject, at }: AuditFilter) {
    let query = this.#db.selectFrom("audit_log");
    if (userName !== undefined) query = query.where("user_name", "=", userName);
    if (action !== undefined) query = query.where("action", "=", action);
    if (subject !== undefined) query = query.where("subject", "=", subject);
    if (at?.from !== undefined) query = query.where("at", ">=", at.from);
    if (at?.before !== undefined) query = query.where("at", "<", at.before);
    return query;
  }
}

function toAudit({ id, at, user_name: userName, action, subject, detail }: AuditLogTable): AuditRead {
  return { id, at, userName, action, subject, detail: detail === null ? null : decodeJson(detail) };
}
