import { type Connection, fail } from "@millrace/sdk";
import type { Sale } from "./parse-sales.ts";
import { PostgresWarehouse } from "./postgres-warehouse.ts";
import { SqliteWarehouse } from "./sqlite-warehouse.ts";

export interface DaySummary {
  readonly day: string;
  readonly orders: number;
  readonly cents: number;
}

export interface Warehouse extends AsyncDisposable {
  /** All or none. An order that is there is replaced: a file that comes twice, or a try after a lost one, changes nothing. */
  load(sales: readonly Sale[]): Promise<void>;
  /** Stores, and returns, what these days come to. */
  summarize(days: readonly string[]): Promise<readonly DaySummary[]>;
}

/** By the connection's `conn_type`: `sqlite` (its `host` is the file) or `postgres`. */
export async function openWarehouse(connection: Connection): Promise<Warehouse> {
  const { id, connType } = connection;
  if (connType === "sqlite") return SqliteWarehouse.open(connection);
  if (connType === "postgres") return PostgresWarehouse.open(connection);
  return fail(`connection '${id}': expected the conn_type sqlite or postgres, got '${connType}'`);
}
