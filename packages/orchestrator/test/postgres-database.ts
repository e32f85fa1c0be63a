import { randomBytes } from "node:crypto";
import { after, type TestContext } from "node:test";
import { type PostgresServer, startPostgres } from "@millrace/test-services";
import { Client } from "pg";
import type { Log } from "../src/domain/log.ts";
import { openPostgres, type PostgresDatabase, type PostgresOptions } from "../src/metadata-db/postgres/open-postgres.ts";

const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };
let shared: Promise<PostgresServer> | null = null;

/** One server for all tests of this file, stopped after them. */
export async function sharedPostgres(): Promise<PostgresServer> {
  shared ??= startPostgres({ isDurable: true });
  return shared;
}

after(async () => (await shared)?.stop());

/** The address of an empty database of the test's own. `options` are CREATE DATABASE's. */
export async function createDatabase(options = ""): Promise<string> {
  const server = await sharedPostgres();
  const name = `test_${randomBytes(8).toString("hex")}`;
  await asAdmin(server.url(), `CREATE DATABASE ${name} ${options}`);
  return server.url(name);
}

/** One statement, on a connection of its own. */
export async function asAdmin(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

export async function openTestPostgres(t: TestContext, url: string, more: Partial<PostgresOptions> = {}): Promise<PostgresDatabase> {
  const database = await openPostgres({ url, poolUrl: null, role: `test ${process.pid}`, log: silentLog, ...more });
  t.after(() => database.close());
  return database;
}
