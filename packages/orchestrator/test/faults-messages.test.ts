// Messages that nobody should send: each becomes an event or a dead letter, holds up no other, and can be looked at.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { eventually, sharedFauxqs, sharedKafka, skipWithout } from "@millrace/test-services";
import type { Database } from "better-sqlite3";
import { openSqliteReader } from "../src/metadata-db/sqlite/reader/open-sqlite-reader.ts";
import { toAssetEvent } from "../src/api/resources/asset-event-resource.ts";
import { prepareEntry } from "../src/domain/ingest.ts";
import { startEngine } from "./engine-harness.ts";

const count = (db: Database, table: string, where = "1"): unknown =>
  db.prepare(`SELECT count(*) FROM ${table} WHERE ${where}`).pluck().get();

const TREE = `z.lazy(() => z.union([z.number(), z.array(tree)]))`;
const dagFile = (watcher: string): string => `
import { defineAsset, defineDag, each } from "@millrace/sdk"; import { kafkaTrigger } from "@millrace/kafka"; import { sqsTrigger } from "@millrace/sqs"; import { z } from "zod";
const tree: z.ZodType = ${TREE};
const trigger = () => ({ w: ${watcher} });
const any = defineAsset("any", { watchers: trigger() });
const trees = defineAsset("trees", { schema: tree, watchers: trigger() });
export const all = defineDag("all", { schedule: any }, (dag) => { dag.task("t", ({ event }) => typeof event.payload); });
export const some = defineDag("some", { schedule: each(any, { where: "payload.size() > 1" }) }, (dag) => { dag.task("t", ({ event }) => 1); });
export const fit = defineDag("fit", { schedule: trees }, (dag) => { dag.task("t", () => 1); });
`;

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

const HOSTILE: readonly (Buffer | string)[] = [
  "",
  "\u0000",
  '"\\u0000"',
  '"\\ud800"',
  '{"__proto__":{"polluted":true},"constructor":{"prototype":1}}',
  '{"a":1,"a":2}',
  "1e999",
  "123456789012345678901234567890",
  "-0",
  nested(100_000),
  nested(1_000),
  '{"a":'.repeat(50_000) + "1" + "}".repeat(50_000),
  "[".repeat(200_000),
  "\ufeff[1]",
  JSON.stringify("x".repeat(500_000)),
];
const BYTES: readonly Buffer[] = [Buffer.from([0xff, 0xfe, 0x00]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from("c328", "hex")];

test("hostile records on Kafka, one of 10 MB among them", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await sharedKafka();
  const topic = await kafka.client.createTopic({ configs: { "max.message.bytes": "20000000" } });
  const big = JSON.stringify({ pad: "x".repeat(10_000_000) });
  const flood = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`header-${n}`, "v".repeat(50)]));
  const records = [
    ...[...HOSTILE, ...BYTES].map((value) => ({ value: Buffer.from(value) })),
    { value: null, key: "tombstone" },
    { value: "1", key: Buffer.from([0xff]), headers: { "": "", __proto__: "x", bad: Buffer.from([0xff, 0x00]) } },
    { value: "2", headers: flood },
  ];
  await kafka.client.produce(topic, records);
  await kafka.client.produce(topic, [{ value: big }]);
  await kafka.client.produce(topic, ["[1,2]"]);
  const total = records.length + 2;
  const engine = await startEngine(t, {
    environment: { MILLRACE_CONN_KAFKA_DEFAULT: JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": kafka.url } }) },
    files: { "d.ts": dagFile(`kafkaTrigger({ topics: ["${topic}"], from: "earliest" })`) },
  });
  await checkAll(engine.db, total);
  await checkReadable(engine.db.name, total);
  assert.deepEqual(engine.warnings, []);
});

test("hostile messages on SQS, with as many attributes as it allows", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const engine = await startEngine(t, {
    environment: { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) },
    files: { "d.ts": dagFile(`sqsTrigger({ queueUrl: "${queue}" })`) },
  });
  const attributes = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`attribute.${n}`, "v".repeat(1_000)]));
  const bodies = HOSTILE.map(String).filter((body) => body !== "" && !body.includes("\u0000") && body.length < 200_000);
  for (const body of bodies) await sqs.send(queue, [{ body, attributes }]);
  await checkAll(engine.db, bodies.length);
  assert.deepEqual(engine.warnings, []);
});

test("a message from a clock in nanoseconds, or from no clock at all, is an event without a time of sending", () => {
  const asset = { id: 1, name: "a", snapshot: {} as never, check: null, subscribers: [] };
  const trigger = { id: 1, snapshot: {} as never, defaultGroup: "g", watchers: [{ asset, unwrap: [], where: null, payload: null }] };
  const sentAt = (at: number | null): number | null =>
    prepareEntry({ identity: null, value: Buffer.from("1"), key: null, headers: [], sentAt: at, attributes: {} }, trigger).events[0]!
      .sentAt;
  assert.deepEqual([1.79e18, Number.NaN, Number.POSITIVE_INFINITY, null, 0, 1_790_000_000_000].map(sentAt), [
    null,
    null,
    null,
    null,
    0,
    1.79e12,
  ]);
});

/** Each message is decided for both assets, and every run that began has ended. */
async function checkAll(db: Database, total: number): Promise<void> {
  assert.deepEqual(db.prepare("SELECT message FROM import_error").all(), []);
  await eventually(() => {
    assert.equal(count(db, "asset_event", "asset_id = (SELECT id FROM asset WHERE name = 'any')"), total);
    assert.equal(
      db.prepare("SELECT (SELECT count(*) FROM asset_event) + (SELECT count(*) FROM dead_letter)").pluck().get(),
      total * 2,
      "an event or a dead letter for each asset",
    );
    assert.equal(count(db, "dag_run", "state < 10"), 0);
  });
  // A number that JSON allows and zod does not: the task's own schema has the last word.
  const errors = db.prepare("SELECT error FROM task_instance WHERE state <> 10").pluck().all() as Buffer[];
  assert.ok(errors.length <= 1);
  for (const error of errors) assert.match(error.toString(), /does not pass its schema/);
}

/** The list of events is JSON, whatever is in it. */
async function checkReadable(file: string, total: number): Promise<void> {
  const reader = await openSqliteReader(file);
  try {
    const page = await reader.reads.assetEvents.list({}, { limit: 200, offset: 0, order: "ascending" });
    assert.equal(page.total >= total, true);
    for (const event of page.rows) assert.doesNotThrow(() => JSON.stringify(toAssetEvent(event)));
  } finally {
    await reader.close();
  }
}
