import type { Kysely } from "kysely";
import type { ImportErrorRead, ImportErrorReads, Page, PageRequest } from "../../domain/reads.ts";
import type { Database, ImportErrorTable } from "../../domain/tables.ts";
import { containsText } from "./like-pattern.ts";

export class ImportErrorQueries implements ImportErrorReads {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  async list({ filePart }: { readonly filePart?: string | undefined }, page: PageRequest): Promise<Page<ImportErrorRead>> {
    let matching = this.#db.selectFrom("import_error");
    if (filePart !== undefined) matching = matching.where(containsText("file", filePart));
    const [rows, { total }] = await Promise.all([
      matching
        .selectAll()
        .orderBy("id", page.order === "descending" ? "desc" : "asc")
        .limit(page.limit)
        .offset(page.offset)
        .execute(),
      matching.select(({ fn }) => fn.countAll<number>().as("total")).executeTakeFirstOrThrow(),
    ]);
    return { rows: rows.map(toImportError), total };
  }

  async find(id: number): Promise<ImportErrorRead | null> {
    const row = await this.#db.selectFrom("import_error").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? null : toImportError(row);
  }
}

function toImportError(row: ImportErrorTable): ImportErrorRead {
  const { id, file, code, message, line, column_number: column, hint, stack, created_at: createdAt } = row;
  return { id, file, code, message, line, column, hint, stack, createdAt };
}
