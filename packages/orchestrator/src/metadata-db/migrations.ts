import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { MillraceError } from "../domain/errors.ts";

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  /** The oldest schema version whose code works on what this makes of it: `-- compatible with N` in its first line, else its own. */
  readonly compatibleWith: number;
}

/** What a database says of itself. */
export interface SchemaState {
  /** Number of the last migration; 0 where it has none. */
  readonly schema: number;
  readonly compatibleWith: number;
}

/** A folder's migrations, in order. */
export function readMigrations(folder: string): readonly Migration[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  return files.sort().map((file) => {
    const sql = readFileSync(join(folder, file), "utf8");
    const number = Number.parseInt(file, 10);
    const compatibleWith = /^-- compatible with (\d+)\b/.exec(sql)?.[1];
    return { number, name: basename(file, ".sql"), sql, compatibleWith: compatibleWith === undefined ? number : Number(compatibleWith) };
  });
}

export function newestOf(migrations: readonly Migration[]): number {
  return migrations.at(-1)!.number;
}

/**
 * A newer Millrace may have migrated a database that this one still works on (a rolling upgrade).
 * @throws {MillraceError} DB_NEWER
 */
export function assertCompatible({ schema, compatibleWith }: SchemaState, migrations: readonly Migration[], database: string): void {
  const newest = newestOf(migrations);
  if (newest >= Math.min(schema, compatibleWith)) return;
  const needed = compatibleWith === schema ? "" : `, which needs a Millrace of version ${compatibleWith}`;
  throw new MillraceError(
    "DB_NEWER",
    `the database '${database}' has schema version ${schema}${needed}, this Millrace knows versions up to ${newest}`,
  );
}
