import type { Connection } from "@millrace/sdk";
import { Client } from "pg";
import type { Sale } from "./parse-sales.ts";
import type { DaySummary, Warehouse } from "./warehouse.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sale (
    order_id text PRIMARY KEY, day date NOT NULL, product text NOT NULL, quantity integer NOT NULL, cents bigint NOT NULL
  );
  CREATE TABLE IF NOT EXISTS sales_by_day (day date PRIMARY KEY, orders integer NOT NULL, cents bigint NOT NULL);
`;
// One statement is one transaction. The last row of an order that is in a file twice counts, as in SQLite.
const LOAD = `
  INSERT INTO sale (order_id, day, product, quantity, cents)
  SELECT DISTINCT ON (order_id) order_id, day, product, quantity, cents
  FROM unnest($1::text[], $2::date[], $3::text[], $4::int[], $5::bigint[]) WITH ORDINALITY AS s(order_id, day, product, quantity, cents, row)
  ORDER BY order_id, row DESC
  ON CONFLICT (order_id) DO UPDATE
    SET day = excluded.day, product = excluded.product, quantity = excluded.quantity, cents = excluded.cents`;
const SUMMARIZE = `
  INSERT INTO sales_by_day (day, orders, cents)
  SELECT d.day, count(s.order_id), coalesce(sum(s.cents), 0) FROM unnest($1::date[]) AS d(day) LEFT JOIN sale s USING (day) GROUP BY d.day ORDER BY d.day
  ON CONFLICT (day) DO UPDATE SET orders = excluded.orders, cents = excluded.cents
  RETURNING day::text, orders, cents::float8`;

export class PostgresWarehouse implements Warehouse {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async open({ host, port, login, password, schema }: Connection): Promise<PostgresWarehouse> {
    const client = new Client({ host, port, user: login, password, database: schema });
    // A connection that breaks later fails the query under way, which is enough; unheard, it would end the worker.
    client.on("error", () => undefined);
    await client.connect();
    await client.query(SCHEMA);
    return new PostgresWarehouse(client);
  }

  async load(sales: readonly Sale[]): Promise<void> {
    const columns = (["orderId", "day", "product", "quantity", "cents"] as const).map((name) => sales.map((sale) => sale[name]));
    await this.#client.query(LOAD, columns);
  }

  async summarize(days: readonly string[]): Promise<readonly DaySummary[]> {
    return (await this.#client.query<DaySummary>(SUMMARIZE, [days])).rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }
}
