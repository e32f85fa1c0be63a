import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import type { ClientBase } from "pg";
import { MillraceError } from "../../domain/errors.ts";
import { moveDurably } from "../move-durably.ts";
import { assertKnownSchema, MIGRATION_LOCK, readSchemaState } from "./migrate-postgres.ts";
import type { PostgresPrograms } from "./postgres-program.ts";

const OWNER_ONLY = 0o600;

/** Tables and the one sequence that is no column's own. */
const OBJECTS = `SELECT relname AS name, CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind FROM pg_class c
  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'S')
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0)`;
const OTHERS = `SELECT application_name AS name FROM pg_stat_activity WHERE datname = current_database()
  AND application_name LIKE 'millrace %' AND application_name NOT LIKE 'millrace db%' LIMIT 1`;

/**
 * One state of the database in a file of its own, whole or not at all, while servers go on writing.
 * @throws {MillraceError} USAGE where `to` exists; DB_UNREADABLE
 */
export async function backupPostgres(client: ClientBase, programs: PostgresPrograms, to: string): Promise<void> {
  if (existsSync(to)) throw new MillraceError("USAGE", `the file '${to}' exists already`, { hint: "name another, or delete it" });
  if ((await readSchemaState(client)).schema === 0)
    throw new MillraceError("DB_UNREADABLE", "there is nothing of Millrace in this database");
  const draft = `${to}.part`;
  try {
    writeFileSync(draft, "", { mode: OWNER_ONLY });
    chmodSync(draft, OWNER_ONLY);
    await programs.run("pg_dump", [
      "--format=custom",
      "--no-owner",
      "--no-privileges",
      `--schema=${await schemaOf(client)}`,
      `--file=${draft}`,
    ]);
    await readBackupState(programs, draft);
    moveDurably(draft, to);
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Puts a backup in the place of what is there, which is kept in a schema of the returned name; null where there was nothing.
 * @throws {MillraceError} DB_LOCKED while a Millrace process uses the database; DB_UNREADABLE, DB_NEWER; then nothing was changed
 */
export async function restorePostgres(client: ClientBase, programs: PostgresPrograms, backup: string, now: number): Promise<string | null> {
  if (!existsSync(backup)) throw new MillraceError("DB_UNREADABLE", `there is no file '${backup}'`);
  assertKnownSchema(await readBackupState(programs, backup), backup);
  // A server that starts meanwhile waits, and finds what was restored.
  await client.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
  const { rows: others } = await client.query<{ name: string }>(OTHERS);
  if (others.length > 0)
    throw new MillraceError("DB_LOCKED", `a Millrace process uses this database: '${others[0]!.name}'`, { hint: "stop all of them" });
  const schema = await schemaOf(client);
  const kept = `before_restore_${new Date(now).toISOString().replaceAll(/\D/g, "").slice(0, 14)}`;
  const isAny = await move(client, schema, kept);
  try {
    await programs.run("pg_restore", ["--single-transaction", "--no-owner", "--no-privileges", `--schema=${schema}`, "--dbname=", backup]);
    if ((await readSchemaState(client)).schema === 0)
      throw new MillraceError("DB_UNREADABLE", `expected tables of the schema '${schema}' in '${backup}', found none`);
    return isAny ? kept : null;
  } catch (error) {
    if (isAny) await moveBack(client, kept, schema);
    throw error;
  }
}

/** False where there was nothing. In one transaction. */
async function move(client: ClientBase, from: string, to: string): Promise<boolean> {
  const { rows } = await client.query<{ name: string; kind: string }>(OBJECTS);
  if (rows.length === 0) return false;
  const moves = rows.map(({ name, kind }) => `ALTER ${kind} "${from}"."${name}" SET SCHEMA "${to}"`);
  await client.query(["BEGIN", `CREATE SCHEMA "${to}"`, ...moves, "COMMIT"].join(";\n"));
  return true;
}

async function moveBack(client: ClientBase, kept: string, schema: string): Promise<void> {
  await client.query(`SET search_path = "${kept}"`);
  const { rows } = await client.query<{ name: string; kind: string }>(OBJECTS);
  const moves = rows.map(({ name, kind }) => `ALTER ${kind} "${kept}"."${name}" SET SCHEMA "${schema}"`);
  await client.query(["BEGIN", ...moves, `DROP SCHEMA "${kept}"`, "COMMIT"].join(";\n"));
}

async function schemaOf(client: ClientBase): Promise<string> {
  return (await client.query<{ name: string }>("SELECT current_schema() AS name")).rows[0]!.name;
}

/** What the backup's own `meta` says. @throws {MillraceError} DB_UNREADABLE for what is no backup of Millrace's */
async function readBackupState(programs: PostgresPrograms, file: string): Promise<{ schema: number; compatibleWith: number }> {
  const text = await programs.run("pg_restore", ["--data-only", "--table=meta", "--file=-", file]);
  const value = (key: string): number => Number(new RegExp(`^${key}\\t(\\d+)$`, "m").exec(text)?.[1] ?? 0);
  const state = { schema: value("schema_version"), compatibleWith: value("compatible_with") };
  if (state.schema > 0) return state;
  throw new MillraceError("DB_UNREADABLE", `expected a backup of Millrace in '${file}', found none of its tables`);
}
