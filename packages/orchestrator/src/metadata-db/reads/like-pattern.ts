import { sql, type RawBuilder } from "kysely";

/** `column` contains `part`, in any case; `%` and `_` stand for themselves. */
export function containsText(column: string, part: string): RawBuilder<boolean> {
  return sql<boolean>`${sql.ref(column)} like ${`%${part.replace(/[\\%_]/g, "\\$&")}%`} escape '\\'`;
}
