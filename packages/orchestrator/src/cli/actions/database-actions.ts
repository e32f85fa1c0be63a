import { resolve } from "node:path";
import { statSync } from "node:fs";
import { loadConfig } from "../../config/config.ts";
import type { DatabaseAddress } from "../../config/database-url.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { DatabaseCheck } from "../../metadata-db/check-invariants.ts";
import type { CommandContext } from "../create-program.ts";
import { adminOf, type DatabaseAdmin } from "../database/database-admin.ts";
import { EXIT } from "../exit-code.ts";
import type { OutputFormat } from "../output/output-format.ts";
import { formatFields, formatTable, print } from "../output/print.ts";
import { readVersion } from "../read-version.ts";

export interface DatabaseOptions {
  readonly output: OutputFormat;
  readonly db?: string;
}

interface Target {
  readonly admin: DatabaseAdmin;
  readonly kind: DatabaseAddress["kind"];
  readonly home: string;
  /** What -o json calls it: a file or an address. */
  readonly body: Readonly<Record<string, string>>;
}

function targetOf({ env }: CommandContext, { db }: DatabaseOptions): Target {
  const { database, home } = loadConfig(env, { db });
  const admin = adminOf(database, env["PATH"] ?? "");
  const { kind } = database;
  return { admin, kind, home, body: { [kind === "sqlite" ? "file" : "database"]: admin.name } };
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export async function showDatabaseVersion(context: CommandContext, options: DatabaseOptions): Promise<void> {
  const { admin, body } = targetOf(context, options);
  const { schema, newest, bytes } = await admin.readVersion();
  const state = schema === newest ? "current" : schema < newest ? "older: `millrace db migrate`, or the next start, brings it up" : "newer";
  const millrace = readVersion();
  print(options.output, { ...body, schema_version: schema, newest_schema_version: newest, millrace, bytes }, () =>
    formatFields([
      ["Database", admin.name],
      ["Schema", `${schema}, ${state}`],
      ["Millrace", `${millrace}, schema ${newest}`],
      ["Size", mebibytes(bytes)],
    ]),
  );
}

export async function checkDatabase(context: CommandContext, options: DatabaseOptions): Promise<void> {
  const { admin, body } = targetOf(context, options);
  const { schema, newest } = await admin.readVersion();
  if (schema !== newest) {
    throw new MillraceError("DB_UNREADABLE", `expected schema version ${newest} in '${admin.name}', got ${schema}`, {
      hint: "`millrace db migrate` brings an older one up",
    });
  }
  const checks = await admin.check();
  if (checks.some(({ broken }) => broken > 0)) context.setExitCode(EXIT.failure);
  const columns = [
    { title: "CHECK", cell: ({ name }: DatabaseCheck) => name },
    {
      title: "RESULT",
      cell: ({ broken, samples }: DatabaseCheck) => (broken === 0 ? "ok" : `broken ${broken} times: ${samples.join(", ")}`),
    },
  ];
  print(options.output, { ...body, checks }, () => formatTable(checks, columns, ""));
}

export async function migrateDatabase(context: CommandContext, options: DatabaseOptions): Promise<void> {
  const { admin, body } = targetOf(context, options);
  const { schema, newest } = await admin.readVersion();
  await admin.migrate();
  print(options.output, { ...body, from: schema, to: newest }, () =>
    schema === newest ? `schema version ${newest} is the newest: nothing to do` : `schema version ${schema} became ${newest}`,
  );
}

export async function backupDatabase(context: CommandContext, to: string, options: DatabaseOptions): Promise<void> {
  const { admin, kind, home } = targetOf(context, options);
  const file = resolve(to);
  await admin.backup(file);
  const { size: bytes } = statSync(file);
  const beside =
    kind === "sqlite"
      ? `keep ${home}/secret.key and ${home}/bundles beside it: they are not in it`
      : "keep the key of stored connections and variables beside it, MILLRACE_SECRET_KEY or secret.key: it is not in it";
  print(options.output, { file, bytes }, () => [`${admin.name} is copied to ${file}, ${mebibytes(bytes)}`, beside].join("\n"));
}

export async function restoreDatabase(context: CommandContext, from: string, options: DatabaseOptions): Promise<void> {
  const { admin, kind, body } = targetOf(context, options);
  const file = resolve(from);
  const kept = await admin.restore(file);
  const place = kind === "sqlite" ? kept : `schema ${kept}: DROP SCHEMA ${kept} CASCADE removes it`;
  const lines = [`${admin.name} is now as in ${file}`, ...(kept === null ? [] : [`what was there is kept as ${place}`])];
  print(options.output, { ...body, kept }, () => lines.join("\n"));
}
