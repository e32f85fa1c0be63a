import { sql, type RawBuilder } from "kysely";

/** `column` contains `part`, letters A to Z in any case, in every dialect; `%` and `_` stand for themselves. */
export function containsText(column: string, part: string): RawBuilder<boolean> {
  const pattern = part.replace(/[\\%_]/g, "\\$&").replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return sql<boolean>`lower(${sql.ref(column)}) like ${`%${pattern}%`} escape '\\'`;
}
