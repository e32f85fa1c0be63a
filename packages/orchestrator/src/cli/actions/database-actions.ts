import { resolve } from "node:path";
import { statSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/config.ts";
import { sqliteFileOf } from "../../config/database-url.ts";
import { systemClock } from "../../domain/clock.ts";
import { MillraceError } from "../../domain/errors.ts";
import { checkDatabase, type DatabaseCheck } from "../../metadata-db/sqlite/check-database.ts";
import { backupDatabase, openReadOnly, readDatabaseVersion, restoreDatabase } from "../../metadata-db/sqlite/database-copy.ts";
import { lockDatabase } from "../../metadata-db/sqlite/file-lock.ts";
import { openDatabase } from "../../metadata-db/sqlite/open-database.ts";
import type { CommandContext } from "../create-program.ts";
import { EXIT } from "../exit-code.ts";
import type { OutputFormat } from "../output/output-format.ts";
import { formatFields, formatTable, print } from "../output/print.ts";
import { readVersion } from "../read-version.ts";

export interface DatabaseOptions {
  readonly output: OutputFormat;
  readonly db?: string;
}

function configOf({ env }: CommandContext, { db }: DatabaseOptions): Config {
  return loadConfig(env, { db });
}

export async function showDatabaseVersion(context: CommandContext, options: DatabaseOptions): Promise<void> {
  const dbFile = sqliteFileOf(configOf(context, options).database, "this command");
  const db = openReadOnly(dbFile);
  const { schema, newest } = readDatabaseVersion(db);
  db.close();
  const bytes = statSync(dbFile).size;
  const state = schema === newest ? "current" : schema < newest ? "older: `millrace db migrate`, or the next start, brings it up" : "newer";
  const body = { file: dbFile, schema_version: schema, newest_schema_version: newest, millrace: readVersion(), bytes };
  print(options.output, body, () =>
    formatFields([
      ["Database", dbFile],
      ["Schema", `${schema}, ${state}`],
      ["Millrace", `${body.millrace}, schema ${newest}`],
      ["Size", `${(bytes / 2 ** 20).toFixed(1)} MiB`],
    ]),
  );
}

/** Also beside a running server: it looks at one state. */
export async function checkDatabaseFile(context: CommandContext, options: DatabaseOptions): Promise<void> {
  const dbFile = sqliteFileOf(configOf(context, options).database, "this command");
  const db = openReadOnly(dbFile);
  const { schema, newest } = readDatabaseVersion(db);
  if (schema !== newest) {
    db.close();
    throw new MillraceError("DB_UNREADABLE", `expected schema version ${newest} in '${dbFile}', got ${schema}`, {
      hint: "`millrace db migrate` brings an older one up",
    });
  }
  const checks = checkDatabase(db);
  db.close();
  if (checks.some(({ broken }) => broken > 0)) context.setExitCode(EXIT.failure);
  const columns = [
    { title: "CHECK", cell: ({ name }: DatabaseCheck) => name },
    {
      title: "RESULT",
      cell: ({ broken, samples }: DatabaseCheck) => (broken === 0 ? "ok" : `broken ${broken} times: ${samples.join(", ")}`),
    },
  ];
  print(options.output, { file: dbFile, checks }, () => formatTable(checks, columns, ""));
}

export async function migrateDatabase(context: CommandContext, options: DatabaseOptions): Promise<void> {
  const dbFile = sqliteFileOf(configOf(context, options).database, "this command");
  const before = openReadOnly(dbFile);
  const { schema, newest } = readDatabaseVersion(before);
  before.close();
  const lock = lockDatabase(dbFile);
  try {
    openDatabase(dbFile).close();
  } finally {
    lock.release();
  }
  print(options.output, { file: dbFile, from: schema, to: newest }, () =>
    schema === newest ? `schema version ${newest} is the newest: nothing to do` : `schema version ${schema} became ${newest}`,
  );
}

export async function backupDatabaseFile(context: CommandContext, to: string, options: DatabaseOptions): Promise<void> {
  const { database, home } = configOf(context, options);
  const dbFile = sqliteFileOf(database, "this command");
  const file = resolve(to);
  await backupDatabase(dbFile, file);
  const bytes = statSync(file).size;
  print(options.output, { file, bytes }, () =>
    [
      `${dbFile} is copied to ${file}, ${(bytes / 2 ** 20).toFixed(1)} MiB`,
      `keep ${home}/secret.key and ${home}/bundles beside it: they are not in it`,
    ].join("\n"),
  );
}

/** @throws {MillraceError} DB_LOCKED while a server runs on it; DB_UNREADABLE, DB_NEWER for a file that is no sound backup */
export async function restoreDatabaseFile(context: CommandContext, from: string, options: DatabaseOptions): Promise<void> {
  const dbFile = sqliteFileOf(configOf(context, options).database, "this command");
  const lock = lockDatabase(dbFile);
  try {
    const kept = restoreDatabase(resolve(from), dbFile, systemClock.now());
    print(options.output, { file: dbFile, kept }, () =>
      [`${dbFile} is now as in ${resolve(from)}`, ...(kept === null ? [] : [`what was there is kept as ${kept}`])].join("\n"),
    );
  } finally {
    lock.release();
  }
}
