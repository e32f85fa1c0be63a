// The whole path on real brokers: message → asset event → decisions → run → tasks → message on another queue.
import { strict as assert } from "node:assert";
import { randomUUID } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { eventually, sharedFauxqs, sharedKafka, skipWithout } from "@millrace/test-services";
import type { Database } from "better-sqlite3";
import { type EngineHarness, startEngine } from "./engine-harness.ts";

const dagFile = (watcher: string, destination: string): string => `
import { defineAsset, defineDag, each } from "@millrace/sdk";
import { kafkaTopic, kafkaTrigger } from "@millrace/kafka";
import { sqsQueue, sqsTrigger } from "@millrace/sqs";
import { z } from "zod";
const readings = defineAsset("readings", {
  schema: z.object({ sensor: z.string(), celsius: z.number() }),
  watchers: { watcher: ${watcher} },
});
const alerts = ${destination};
export const evaluate = defineDag("evaluate", { schedule: each(readings, { where: "payload.celsius > 80" }) }, (dag) => {
  const score = dag.task("score", ({ event }) => event.payload.celsius - 80);
  dag.task("alert", { needs: { score } }, ({ event, score, publish }) => { if (score > 10) publish(alerts, { sensor: event.payload.sensor, score }); });
});
export const all = defineDag("all", { schedule: readings }, (dag) => { dag.task("t", ({ event }) => event.payload.sensor); });
`;

const reading = (sensor: number, celsius: number | string): string => JSON.stringify({ sensor: `s${sensor}`, celsius });

function count(db: Database, table: string, where = "1"): number {
  return db.prepare(`SELECT count(*) FROM ${table} WHERE ${where}`).pluck().get() as number;
}

/** 60 readings: 20 below the filter, 20 above it, 20 that alert; and two that are none. */
const MESSAGES = [
  ...Array.from({ length: 20 }, (_, n) => reading(n, 70)),
  ...Array.from({ length: 20 }, (_, n) => reading(n + 20, 85)),
  ...Array.from({ length: 20 }, (_, n) => reading(n + 40, 95)),
  "not json",
  reading(99, "hot"),
];

async function checkOutcome(engine: EngineHarness): Promise<void> {
  const { db } = engine;
  await eventually(() => {
    assert.equal(count(db, "asset_event"), 60);
    assert.equal(count(db, "dag_run", "state = 10"), 100);
    assert.equal(count(db, "outbox_message", "state = 10"), 20);
  });
  assert.equal(count(db, "dag_run"), 100);
  const reasons = db.prepare("SELECT reason_code, reason, value FROM dead_letter ORDER BY id").all() as {
    reason_code: string;
    reason: string;
    value: Buffer;
  }[];
  assert.deepEqual(
    new Set(reasons.map(({ reason_code: code, value }) => `${code} ${value.toString()}`)),
    new Set(["NOT_JSON not json", `SCHEMA ${reading(99, "hot")}`]),
  );
  assert.match(reasons.map(({ reason }) => reason).join(), /'celsius' must be number/);
  const filtered = db.prepare("SELECT decisions FROM asset_event").pluck().all() as Buffer[];
  assert.equal(filtered.filter((row) => row.includes("payload.celsius > 80 is false")).length, 20);
}

test("a message on an SQS queue runs DAGs and publishes to another queue", async (t) => {
  const sqs = await sharedFauxqs();
  const readings = await sqs.createQueue();
  const alerts = await sqs.createQueue();
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) };
  const files = { "sqs.ts": dagFile(`sqsTrigger({ queueUrl: "${readings}" })`, `sqsQueue({ queueUrl: "${alerts}" })`) };
  const engine = await startEngine(t, { environment, files });
  await sqs.send(readings, MESSAGES);
  await checkOutcome(engine);
  const received = await sqs.receive(alerts);
  assert.deepEqual(
    received.map(({ Body }) => (JSON.parse(Body!) as { score: number }).score),
    Array.from({ length: 20 }, () => 15),
  );
  await eventually(async () => assert.deepEqual(await sqs.count(readings), { visible: 0, inFlight: 0 }));
  await engine.stop();
  assert.deepEqual(engine.warnings, []);
});

test("a record on a Kafka topic runs DAGs and publishes to another topic", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await sharedKafka();
  const readings = await kafka.client.createTopic({ partitions: 3 });
  const alerts = await kafka.client.createTopic();
  const environment = { MILLRACE_CONN_KAFKA_DEFAULT: JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": kafka.url } }) };
  const files = {
    "kafka.ts": dagFile(`kafkaTrigger({ topics: ["${readings}"], from: "earliest" })`, `kafkaTopic({ topic: "${alerts}" })`),
  };
  await kafka.client.produce(
    readings,
    MESSAGES.map((value, n) => ({ value, partition: n % 3 })),
  );
  const engine = await startEngine(t, { environment, files });
  await checkOutcome(engine);
  const records = await kafka.client.read(alerts);
  assert.equal(new Set(records.map(({ value }) => value!.toString())).size, 20);
  await engine.stop();
  assert.deepEqual(engine.warnings, []);

  const again = await startEngine(t, { environment, files: {}, home: engine.home });
  await kafka.client.produce(readings, [reading(1, 70)]);
  await eventually(() => assert.equal(count(again.db, "asset_event"), 61));
  assert.equal(count(again.db, "ingest_count"), 0, "a clean stop needs no redelivery");
});

test("two assets on equal triggers share one stream, and each gets its event", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) };
  const file = `import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs";
    const watch = () => ({ w: sqsTrigger({ queueUrl: "${queue}" }) });
    const a = defineAsset("a", { watchers: watch() }); const b = defineAsset("b", { watchers: watch() });
    export const onA = defineDag("on_a", { schedule: a }, (dag) => { dag.task("t", ({ event }) => event.payload); });
    export const onB = defineDag("on_b", { schedule: b }, (dag) => { dag.task("t", ({ event }) => event.payload); });`;
  const engine = await startEngine(t, { environment, files: { "shared.ts": file } });
  await sqs.send(queue, ["plain text", JSON.stringify({ n: 1 })]);
  await eventually(() => assert.equal(count(engine.db, "dag_run", "state = 10"), 4));
  assert.equal(engine.engine.triggerer.health().length, 1);
  const values = engine.db.prepare("SELECT value FROM task_instance ORDER BY value").pluck().all() as Buffer[];
  assert.deepEqual(values.map(String), ['"plain text"', '"plain text"', '{"n":1}', '{"n":1}']);
});

test("a stream pauses at its backlog limit and its messages wait in the broker (P6)", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const gate = `gate-${randomUUID()}`;
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()), MILLRACE_BACKLOG_LIMIT: "20" };
  const file = `import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs"; import { existsSync } from "node:fs";
    const a = defineAsset("a", { watchers: { w: sqsTrigger({ queueUrl: "${queue}" }) } });
    export default defineDag("slow", { schedule: a }, (dag) => {
      dag.task("t", { isolation: "process" }, async () => { while (!existsSync("/tmp/${gate}")) await new Promise((resolve) => setTimeout(resolve, 20)); });
    });`;
  const engine = await startEngine(t, { environment, maxWorkers: 1, files: { "slow.ts": file } });
  t.after(() => rmSync(`/tmp/${gate}`, { force: true }));
  await sqs.send(
    queue,
    Array.from({ length: 300 }, (_, n) => String(n)),
  );
  await eventually(() => assert.equal(engine.engine.triggerer.health()[0]!.state, "paused"));
  assert.ok(count(engine.db, "asset_event") < 300, "not all messages were taken");
  writeFileSync(`/tmp/${gate}`, "");
  await eventually(() => assert.equal(count(engine.db, "dag_run", "state = 10"), 300));
  assert.equal(count(engine.db, "dag_run"), 300);
});

test("what a watcher's `where` does not take is acknowledged, counted with samples, and makes no event", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue({});
  const text = `import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs";
const trigger = sqsTrigger({ queueUrl: "${queue}", waitTimeSeconds: 1 });
const a = defineAsset("a", { watchers: { w: { trigger, where: "payload.kind == 'hot'" } } });
export default defineDag("d", { schedule: a }, (dag) => { dag.task("t", ({ event }) => event.payload); });`;
  const engine = await startEngine(t, {
    environment: { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) },
    files: { "d.ts": text },
  });
  const bodies = Array.from({ length: 60 }, (_, n) =>
    JSON.stringify(n % 20 === 0 ? { kind: "hot", n } : n % 20 === 1 ? { n } : { kind: "cold", n }),
  );
  await sqs.send(queue, bodies);
  const counted = (reason: string): unknown => engine.db.prepare("SELECT sum(n) FROM ingest_count WHERE reason = ?").pluck().get(reason);
  await eventually(() => assert.deepEqual([counted("rejected"), counted("rejected_error")], [54, 3]));
  await eventually(() => assert.equal(engine.db.prepare("SELECT count(*) FROM dag_run WHERE state = 10").pluck().get(), 3));
  assert.deepEqual(
    ["asset_event", "dead_letter", "message_seen"].map((table) => engine.db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()),
    [3, 0, 3],
  );
  const samples = engine.db.prepare("SELECT samples FROM ingest_count WHERE reason = 'rejected' ORDER BY minute DESC").pluck().get();
  assert.equal((JSON.parse(String(samples)) as string[]).length, 20);
  const errors = engine.db.prepare("SELECT samples FROM ingest_count WHERE reason = 'rejected_error' ORDER BY minute DESC").pluck().get();
  assert.match(String(errors), /No such key: kind/);
});
