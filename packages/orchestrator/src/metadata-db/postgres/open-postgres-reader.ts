import { Kysely, PostgresDialect } from "kysely";
import type { Reads } from "../../domain/reads.ts";
import type { Database } from "../../domain/tables.ts";
import { createReads } from "../reads/create-reads.ts";
import type { PostgresDatabase } from "./open-postgres.ts";

/** Reads on the pool, which is closed with the database. */
export function openPostgresReader({ pool }: Pick<PostgresDatabase, "pool">): Reads {
  return createReads(new Kysely<Database>({ dialect: new PostgresDialect({ pool }) }));
}
