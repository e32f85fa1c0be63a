import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { eventually, type FauxqsServer, skipWithout, startFauxqs, startPostgres } from "@millrace/test-services";
import Database from "better-sqlite3";
import { Client } from "pg";
import { markdownBlocks } from "../../scripts/markdown-blocks.ts";
import { type RunningExample, startExample } from "../../scripts/start-example.ts";

const GOOD = join(import.meta.dirname, "files/sales-2026-11-20.csv");
const MALFORMED = join(import.meta.dirname, "files/malformed.csv");
const SUMMARIES = [
  { day: "2026-11-19", orders: 1, cents: 24_900 },
  { day: "2026-11-20", orders: 3, cents: 5_940 + 3_200 + 49_800 },
];

interface Delivery {
  readonly sqs: FauxqsServer;
  readonly example: RunningExample;
  /** Sends a message for each file. */
  readonly deliver: (...files: readonly string[]) => Promise<void>;
}

async function startDelivery(t: TestContext, warehouse: object): Promise<Delivery> {
  const sqs = await startFauxqs();
  t.after(() => sqs.stop());
  const queue = await sqs.createQueue({ name: "deliveries" });
  const aws = sqs.connection();
  const example = await startExample(t, "data-delivery", {
    // Its polls are short, so that a stop is quick.
    MILLRACE_CONN_AWS_DEFAULT: JSON.stringify({ ...aws, extra: { ...aws.extra, wait_time_seconds: 1 } }),
    MILLRACE_CONN_WAREHOUSE: JSON.stringify(warehouse),
  });
  const deliver: Delivery["deliver"] = (...files) =>
    sqs.send(
      queue,
      files.map((file) => JSON.stringify({ file })),
    );
  return { sqs, example, deliver };
}

function sqliteWarehouse(t: TestContext): {
  readonly connection: { readonly conn_type: "sqlite"; readonly host: string };
  readonly all: (sql: string) => readonly unknown[];
} {
  const folder = mkdtempSync(join(tmpdir(), "millrace-warehouse-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const host = join(folder, "sales.db");
  const all = (sql: string): readonly unknown[] => {
    const db = new Database(host, { readonly: true });
    try {
      return db.prepare(sql).all();
    } finally {
      db.close();
    }
  };
  return { connection: { conn_type: "sqlite", host }, all };
}

async function endedRuns(example: RunningExample, dagId: string, count: number): Promise<readonly string[]> {
  return eventually(async () => {
    const states = (await example.runs(dagId)).map(({ state }) => state);
    assert.equal(states.filter((state) => state === "success" || state === "failed").length, count);
    return states.toSorted();
  });
}

test("a delivered file is loaded and its days summed up; a second delivery of it doubles nothing", async (t) => {
  const warehouse = sqliteWarehouse(t);
  const { example, deliver } = await startDelivery(t, warehouse.connection);
  await deliver(GOOD);
  assert.deepEqual(await endedRuns(example, "load_sales", 1), ["success"]);
  assert.deepEqual(await endedRuns(example, "summarize_sales", 1), ["success"]);
  const rows = warehouse.all("SELECT * FROM sale ORDER BY order_id");
  assert.deepEqual(rows[2], { order_id: "A1003", day: "2026-11-20", product: "seal, rubber", quantity: 40, cents: 3_200 });
  assert.deepEqual(warehouse.all("SELECT * FROM sales_by_day ORDER BY day"), SUMMARIES);
  await deliver(GOOD);
  assert.deepEqual(await endedRuns(example, "summarize_sales", 2), ["success", "success"]);
  assert.deepEqual(warehouse.all("SELECT * FROM sale ORDER BY order_id"), rows);
  assert.deepEqual(warehouse.all("SELECT * FROM sales_by_day ORDER BY day"), SUMMARIES);
  const { asset_events: events } = await example.server.get<{ asset_events: { payload: unknown }[] }>("/assets/events?order_by=id");
  assert.deepEqual(events.map(({ payload }) => payload)[1], { file: GOOD, rows: 4, days: ["2026-11-19", "2026-11-20"] });
});

test("a malformed file fails its run with its row and column, and stops nothing else", async (t) => {
  const warehouse = sqliteWarehouse(t);
  const { example, deliver } = await startDelivery(t, warehouse.connection);
  await deliver(MALFORMED, GOOD);
  assert.deepEqual(await endedRuns(example, "load_sales", 2), ["failed", "success"]);
  const failed = (await example.runs("load_sales")).find(({ state }) => state === "failed")!;
  const path = `/dags/load_sales/dagRuns/${encodeURIComponent(failed.dag_run_id)}/taskInstances/load`;
  const { try_number: tries } = await example.server.get<{ try_number: number }>(path);
  assert.equal(tries, 1);
  const { content } = await example.server.get<{ content: readonly object[] }>(`${path}/logs/1`);
  assert.ok(JSON.stringify(content).includes("malformed.csv, row 3, column 'quantity': expected a whole number from 1, got 'two'"));
  assert.deepEqual(await endedRuns(example, "summarize_sales", 1), ["success"]);
  assert.deepEqual(warehouse.all("SELECT count(*) AS rows FROM sale"), [{ rows: 4 }]);
});

test("a file on S3 is read with the connection of the queue", async (t) => {
  const warehouse = sqliteWarehouse(t);
  const { sqs, example, deliver } = await startDelivery(t, warehouse.connection);
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const s3 = new S3Client({ endpoint: sqs.url, region: "us-east-1", forcePathStyle: true, credentials });
  t.after(() => s3.destroy());
  await s3.send(new CreateBucketCommand({ Bucket: "deliveries" }));
  await s3.send(new PutObjectCommand({ Bucket: "deliveries", Key: "2026/sales 20.csv", Body: readFileSync(GOOD) }));
  await deliver("s3://deliveries/2026/sales 20.csv");
  assert.deepEqual(await endedRuns(example, "summarize_sales", 1), ["success"]);
  assert.deepEqual(warehouse.all("SELECT * FROM sales_by_day ORDER BY day"), SUMMARIES);
});

test("the same into PostgreSQL, by the conn_type alone", { skip: skipWithout("postgres") }, async (t) => {
  const postgres = await startPostgres();
  t.after(() => postgres.stop());
  const { example, deliver } = await startDelivery(t, postgres.connection());
  for (const runs of [1, 2]) {
    await deliver(GOOD);
    await endedRuns(example, "summarize_sales", runs);
  }
  const client = new Client({ host: "127.0.0.1", port: postgres.port, user: "postgres", database: "postgres" });
  await client.connect();
  const { rows } = await client.query("SELECT day::text, orders, cents::float8 FROM sales_by_day ORDER BY day");
  const { rows: sales } = await client.query("SELECT count(*)::int AS rows FROM sale");
  await client.end();
  assert.deepEqual([...rows], SUMMARIES);
  assert.deepEqual([...sales], [{ rows: 4 }]);
});

test("the README's file is loaded without a server and a queue", (t) => {
  const warehouse = sqliteWarehouse(t);
  const [tryIt] = markdownBlocks(join(import.meta.dirname, "README.md"));
  const script = tryIt!.text.replaceAll("/tmp/sales.db", warehouse.connection.host);
  assert.notEqual(script, tryIt!.text);
  const { status, stdout, stderr } = spawnSync("sh", ["-euc", script], { cwd: join(import.meta.dirname, "../.."), encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /"rows":4/);
  assert.deepEqual(warehouse.all("SELECT count(*) AS rows FROM sale"), [{ rows: 4 }]);
});
