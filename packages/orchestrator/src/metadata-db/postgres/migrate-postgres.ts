import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { ClientBase } from "pg";
import { assertCompatible, type Migration, newestOf, readMigrations, type SchemaState } from "../migrations.ts";

const MIGRATIONS = fileURLToPath(new URL("./migrations/", import.meta.url));
/** A number that no other program is likely to take in the same database: "millrace" in hexadecimal. */
export const MIGRATION_LOCK = "x'6d696c6c72616365'::bigint";

const PUT = "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/** Number of the newest migration. */
export function newestPostgresSchema(): number {
  return newestOf(readMigrations(MIGRATIONS));
}

/** That this Millrace can work on it. @throws {MillraceError} DB_NEWER */
export function assertKnownSchema(state: SchemaState, database: string): void {
  assertCompatible(state, readMigrations(MIGRATIONS), database);
}

/** Schema 0 where there is none yet. */
export async function readSchemaState(client: Pick<ClientBase, "query">): Promise<SchemaState> {
  const found = await client.query<{ meta: string | null }>("SELECT to_regclass('meta')::text AS meta");
  if (found.rows[0]!.meta === null) return { schema: 0, compatibleWith: 0 };
  const { rows } = await client.query<{ key: string; value: string }>(
    "SELECT key, value FROM meta WHERE key IN ('schema_version', 'compatible_with')",
  );
  const meta = new Map(rows.map(({ key, value }) => [key, Number(value)]));
  return { schema: meta.get("schema_version") ?? 0, compatibleWith: meta.get("compatible_with") ?? 0 };
}

/**
 * Brings the schema up to this version; of several processes that start at once, one does it and the others wait.
 * @throws {MillraceError} DB_NEWER
 */
export async function migratePostgres(client: ClientBase, address: string): Promise<void> {
  const migrations = readMigrations(MIGRATIONS);
  const state = await readSchemaState(client);
  assertCompatible(state, migrations, address);
  for (const migration of migrations.filter(({ number }) => number > state.schema)) await apply(client, migration);
}

/** In one transaction; nothing where another process came first. */
async function apply(client: ClientBase, migration: Migration): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    const { schema } = await readSchemaState(client);
    if (schema < migration.number) {
      await client.query(migration.sql);
      await client.query(PUT, ["schema_version", String(migration.number)]);
      await client.query(PUT, ["compatible_with", String(migration.compatibleWith)]);
      // Names this installation to its brokers (default consumer groups).
      const instance = randomBytes(6).toString("hex");
      await client.query("INSERT INTO meta VALUES ('instance', $1), ('definitions_version', '0') ON CONFLICT DO NOTHING", [instance]);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}
