import { skipWithout, startPostgres } from "@millrace/test-services";
import { Client } from "pg";
import { startMillrace } from "./millrace.ts";
import type { System, SystemOptions, SystemUnderTest } from "./system.ts";

/** The same Millrace on a PostgreSQL of its own, on the same cores, whose CPU and memory are not counted. */
export const millraceOnPostgres: System = {
  name: "postgres",
  whyNot: () => skipWithout("postgres") || null,
  start: startOnPostgres,
  warmUp: 2_000,
  maxRate: Number.POSITIVE_INFINITY,
  maxBurst: Number.POSITIVE_INFINITY,
};

async function startOnPostgres(options: SystemOptions): Promise<SystemUnderTest> {
  const server = await startPostgres({ isDurable: true });
  const running = await startMillrace({ ...options, name: "postgres", database: server.url() });
  return {
    ...running,
    databaseBytes: () => readDatabaseBytes(server.url()),
    stop: async () => {
      await running.stop();
      await server.stop();
    },
  };
}

async function readDatabaseBytes(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ bytes: string }>("SELECT pg_database_size(current_database()) AS bytes");
    return Number(rows[0]!.bytes);
  } finally {
    await client.end();
  }
}
