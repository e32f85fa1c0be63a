import { defineDag, each } from "@millrace/sdk";
import { deliveries, sales } from "./deliveries.ts";
import { readDeliveredFile } from "./read-delivered-file.ts";
import { parseSales } from "./parse-sales.ts";
import { openWarehouse } from "./warehouse.ts";

/** Reads, checks, transforms and loads one file. All in one task, so that its rows do not go through Millrace's own database. */
export const loadSales = defineDag("load_sales", { schedule: deliveries, retries: 3, retryDelay: "5s" }, (dag) => {
  dag.task("load", { outlets: [sales], timeout: "5m" }, async ({ event, connection, log, signal }) => {
    const { file } = event.payload;
    const text = await readDeliveredFile(file, connection, signal);
    const rows = parseSales(text, file);
    await using warehouse = await openWarehouse(await connection("warehouse"));
    await warehouse.load(rows);
    log.info("loaded", { file, rows: rows.length });
    return { file, rows: rows.length, days: [...new Set(rows.map(({ day }) => day))].toSorted() };
  });
});

/** Sums up the days that a load has touched: started by the asset that the load updates. */
export const summarizeSales = defineDag(
  "summarize_sales",
  { schedule: each(sales, { where: "size(payload.days) > 0" }), retries: 3, retryDelay: "5s" },
  (dag) => {
    dag.task("summarize", async ({ event, connection, log }) => {
      await using warehouse = await openWarehouse(await connection("warehouse"));
      const summaries = await warehouse.summarize(event.payload.days);
      for (const { day, orders, cents } of summaries) log.info(`${day}: ${orders} orders, ${(cents / 100).toFixed(2)}`);
      return summaries;
    });
  },
);
