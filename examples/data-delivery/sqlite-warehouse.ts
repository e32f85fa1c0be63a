import Database from "better-sqlite3";
import { type Connection, fail } from "@millrace/sdk";
import type { Sale } from "./parse-sales.ts";
import type { DaySummary, Warehouse } from "./warehouse.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sale (
    order_id TEXT PRIMARY KEY, day TEXT NOT NULL, product TEXT NOT NULL, quantity INTEGER NOT NULL, cents INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS sales_by_day (day TEXT PRIMARY KEY, orders INTEGER NOT NULL, cents INTEGER NOT NULL) STRICT;
`;
const LOAD = `INSERT OR REPLACE INTO sale (order_id, day, product, quantity, cents) VALUES (:orderId, :day, :product, :quantity, :cents)`;
const SUMMARIZE = `INSERT OR REPLACE INTO sales_by_day (day, orders, cents)
  SELECT ?, count(*), coalesce(sum(cents), 0) FROM sale WHERE day = ? RETURNING day, orders, cents`;

export class SqliteWarehouse implements Warehouse {
  readonly #db: Database.Database;

  private constructor(db: Database.Database) {
    this.#db = db;
  }

  static open({ id, host }: Connection): SqliteWarehouse {
    if (host === undefined) return fail(`connection '${id}': expected a file as its host, got none`);
    const db = new Database(host);
    db.pragma("journal_mode = WAL");
    db.exec(SCHEMA);
    return new SqliteWarehouse(db);
  }

  async load(sales: readonly Sale[]): Promise<void> {
    const insert = this.#db.prepare(LOAD);
    const insertAll = this.#db.transaction(() => {
      for (const sale of sales) insert.run(sale);
    });
    insertAll.immediate();
  }

  async summarize(days: readonly string[]): Promise<readonly DaySummary[]> {
    const summarize = this.#db.prepare<[string, string], DaySummary>(SUMMARIZE);
    return this.#db.transaction(() => days.map((day) => summarize.get(day, day)!)).immediate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close();
  }
}
