import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from "kysely";
import { DatabaseError, type Pool, type PoolClient } from "pg";
import type { Reads } from "../../domain/reads.ts";
import type { Database } from "../../domain/tables.ts";
import { createReads } from "../reads/create-reads.ts";
import type { PostgresDatabase } from "./open-postgres.ts";
import { explainPostgresError } from "./postgres-error.ts";

/** Reads on the pool, which is closed with the database. They fail with DB_UNREACHABLE where it is, as other errors of ours do. */
export function openPostgresReader({ pool, address }: Pick<PostgresDatabase, "pool" | "address">): Reads {
  return createReads(new Kysely<Database>({ dialect: new PostgresDialect({ pool: explainingPool(pool, address) }) }));
}

function explainingPool(pool: Pool, address: string): PostgresPool {
  const explain = (error: unknown): never => {
    throw explainPostgresError(error, address);
  };
  const explaining = (client: PoolClient): PostgresPoolClient => {
    // One that did not answer still waits for it: nobody can use it again.
    let isBroken = false;
    const query = async (sql: string, parameters: readonly unknown[]): Promise<unknown> =>
      client.query(sql, [...parameters]).catch((error: unknown) => {
        isBroken ||= !(error instanceof DatabaseError);
        return explain(error);
      });
    return { query: query as PostgresPoolClient["query"], release: (destroy) => client.release(destroy === true || isBroken) };
  };
  return { options: pool.options, connect: async () => explaining(await pool.connect().catch(explain)), end: async () => pool.end() };
}
