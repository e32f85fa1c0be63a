import type { Kysely } from "kysely";
import type { ProcessStatus, ProcessStatusReads } from "../../domain/process-status.ts";
import type { Database } from "../../domain/tables.ts";

export class ProcessStatusQueries implements ProcessStatusReads {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  async list(): Promise<ReadonlyMap<number, ProcessStatus>> {
    const rows = await this.#db.selectFrom("process_status").select(["process_id", "status"]).execute();
    return new Map(rows.map(({ process_id: id, status }) => [id, JSON.parse(status) as ProcessStatus]));
  }
}
