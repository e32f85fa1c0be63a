import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { AssetEvent, DagRun } from "../records.ts";
import { type Check, differ, examplePath, type Found, pick, preciseNow, type Scenario, type Sent } from "../scenario.ts";

const PRODUCTS = ["gear pump", "ball bearing", '"seal, rubber"'];
const ROWS = 20;
const MALFORMED_EVERY = 4;

interface Delivered {
  readonly file: string;
  readonly days?: readonly string[];
}

/** examples/data-delivery: files with sales, every fourth of them malformed. */
export class Delivery implements Scenario {
  readonly name = "delivered files";
  readonly dagFile = examplePath("data-delivery/data-delivery.ts");
  readonly dagIds = ["load_sales", "summarize_sales"];
  readonly assets = ["sales_deliveries", "sales"];
  readonly source = "deliveries";
  readonly replies = null;
  readonly environment: Readonly<Record<string, string>>;
  readonly pauseMs = { min: 3_000, max: 6_000 };
  readonly share = 0.02;
  readonly #folder: string;
  readonly #sent: (Sent & { readonly isGood: boolean })[] = [];

  /** Writes its files, and the warehouse, into this folder. */
  constructor(folder: string) {
    this.#folder = join(folder, "delivered");
    mkdirSync(this.#folder, { recursive: true });
    const warehouse = { conn_type: "sqlite", host: join(folder, "warehouse.db") };
    this.environment = { MILLRACE_CONN_WAREHOUSE: JSON.stringify(warehouse) };
  }

  next(): Sent {
    const number = this.#sent.length + 1;
    const isGood = number % MALFORMED_EVERY !== 0;
    const file = join(this.#folder, `sales-${number}.csv`);
    writeFileSync(file, csv(number, isGood));
    const sent = { key: file, body: JSON.stringify({ file }), text: `${basename(file)} was delivered`, isGood, sentAt: preciseNow() };
    this.#sent.push(sent);
    return sent;
  }

  describeEvent({ name, payload }: AssetEvent): string {
    const { file, days } = payload as Delivered;
    return name === "sales" ? `asset 'sales' has ${basename(file)}, of ${days?.join(", ")};` : basename(file);
  }

  expectedReplies(): number {
    return 0;
  }

  check({ events, runs, errors }: Found): readonly Check[] {
    const errorOf = (run: DagRun | undefined): string => errors.get(run?.dag_run_id ?? "") ?? "";
    const started = (asset: string): ReadonlyMap<string, DagRun | undefined> =>
      new Map(
        events
          .filter(({ name }) => name === asset)
          .map(({ payload, created_dagruns: [made] }) => [
            (payload as Delivered).file,
            runs.find((run) => run.dag_run_id === made?.run_id),
          ]),
      );
    const [loads, summaries] = [started("sales_deliveries"), started("sales")];
    const wrong = this.#sent.flatMap(({ key, isGood }) => [
      ...differ(key, isGood ? 1 : 0, loads.get(key)?.state === "success" ? 1 : 0, "successful loads"),
      ...differ(key, isGood ? 1 : 0, summaries.get(key)?.state === "success" ? 1 : 0, "successful summaries"),
      ...differ(key, isGood ? 0 : 1, /row \d+/.test(errorOf(loads.get(key))) ? 1 : 0, "errors that name a row"),
    ]);
    return [
      { promise: "every good file was loaded and summed up; every malformed one failed by its row, and stopped nothing else", wrong },
    ];
  }

  figures({ events }: Found): readonly (readonly [string, number])[] {
    return [
      ["files", this.#sent.length],
      ["files loaded", events.filter(({ name }) => name === "sales").length],
    ];
  }
}

function csv(number: number, isGood: boolean): string {
  const day = new Date(Date.now() - (number % 7) * 86_400_000).toISOString().slice(0, 10);
  const rows = Array.from({ length: ROWS }, (_, row) => {
    const quantity = !isGood && row === 7 ? "two" : 1 + Math.floor(Math.random() * 40);
    return `D${number * 100 + row},${day},${pick(PRODUCTS)},${quantity},${(1 + Math.random() * 250).toFixed(2)}`;
  });
  return `order_id,day,product,quantity,unit_price\n${rows.join("\n")}\n`;
}
