// Queues by their URL alone, several triggers on one watcher, and what messages are wrapped in: on real brokers.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { eventually, sharedFauxqs, sharedKafka, skipWithout } from "@millrace/test-services";
import { type EngineHarness, startEngine } from "./engine-harness.ts";

const head = `import { defineAsset, defineDag, messageQueue, messageQueueTrigger } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs"; import { z } from "zod";`;

/** A DAG whose task gives its payload, and one header. */
const dagFile = (watcher: string, options = ""): string => `${head}
const a = defineAsset("a", { watchers: { w: ${watcher} }, ${options} });
export default defineDag("d", { schedule: a }, (dag) => { dag.task("t", ({ event }) => ({ payload: event.payload, subject: event.headers["x-amz-sns-subject"] })); });`;

function results({ db }: EngineHarness): { payload: any; subject?: string }[] {
  const values = db
    .prepare("SELECT i.value FROM task_instance i JOIN dag_run r ON r.id = i.run_id WHERE r.state = 10 ORDER BY i.run_id")
    .pluck()
    .all();
  return (values as Buffer[]).map((value) => JSON.parse(value.toString()));
}

test("Kafka needs no connection where the URL names the servers", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await sharedKafka();
  const [readings, alerts] = [await kafka.client.createTopic(), await kafka.client.createTopic()];
  const file = `${head}
    const a = defineAsset("a", { watchers: { w: messageQueueTrigger({ queue: "kafka://${kafka.url}/${readings}" }) } });
    const alerts = messageQueue({ queue: "kafka://${kafka.url}/${alerts}", schema: z.object({ n: z.number() }) });
    export default defineDag("d", { schedule: a }, (dag) => { dag.task("t", ({ event, publish }) => publish(alerts, event.payload, { key: "k" })); });`;
  const engine = await startEngine(t, { files: { "d.ts": file } });
  await eventually(() => assert.equal(engine.engine.triggerer.health()[0]?.state, "streaming"));
  await kafka.client.produce(readings, [{ value: '{"n":1}' }]);
  await eventually(() => assert.equal(engine.db.prepare("SELECT count(*) FROM outbox_message WHERE state = 10").pluck().get(), 1));
  const [record] = await kafka.client.read(alerts);
  assert.deepEqual([record?.value?.toString(), record?.key?.toString()], ['{"n":1}', "k"]);
  await engine.stop();
  assert.deepEqual(engine.warnings, []);
});

test("one watcher takes the messages of several queues", async (t) => {
  const sqs = await sharedFauxqs();
  const queues = [await sqs.createQueue(), await sqs.createQueue()];
  const list = queues.map((queue) => `messageQueueTrigger({ queue: "${queue}", scheme: "sqs" })`).join(", ");
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) };
  const engine = await startEngine(t, { environment, files: { "d.ts": dagFile(`[${list}]`) } });
  await sqs.send(queues[0]!, ["1"]);
  await sqs.send(queues[1]!, ["2"]);
  await eventually(() =>
    assert.deepEqual(
      results(engine)
        .map(({ payload }) => payload)
        .toSorted((a: number, b: number) => a - b),
      [1, 2],
    ),
  );
  assert.equal(engine.engine.triggerer.health().length, 2);
});

const record = (key: string): object => ({ eventName: "ObjectCreated:Put", s3: { bucket: { name: "in" }, object: { key, size: 1 } } });
const sns = (message: object): string =>
  JSON.stringify({ Type: "Notification", MessageId: "m", TopicArn: "arn", Subject: "S", Message: JSON.stringify(message) });

test("S3 in SNS in SQS: an event for each record, once; its test is ignored; what does not fit is a dead letter", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const payload = "{'bucket': payload.s3.bucket.name, 'key': payload.s3.object.key}";
  const watcher = `{ trigger: sqsTrigger({ queueUrl: "${queue}" }), unwrap: ["sns", "s3"], payload: "${payload}" }`;
  const schema = "schema: z.object({ bucket: z.string(), key: z.string().regex(/csv$/) })";
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) };
  const engine = await startEngine(t, { environment, files: { "d.ts": dagFile(watcher, schema) } });
  const { db } = engine;
  await sqs.send(queue, [
    sns({ Records: [record("a+b.csv"), record("c%2Fd.csv")] }),
    sns({ Service: "Amazon S3", Event: "s3:TestEvent", Bucket: "in" }),
    sns({ Records: [record("e.csv"), record("f.pdf")] }),
    sns({ nothing: "of S3" }),
    sns({ Records: [{ s3: { object: { key: "g.csv" } } }] }),
  ]);
  await eventually(async () => {
    assert.deepEqual(results(engine), [
      { payload: { bucket: "in", key: "a b.csv" }, subject: "S" },
      { payload: { bucket: "in", key: "c/d.csv" }, subject: "S" },
    ]);
    assert.deepEqual(await sqs.count(queue), { visible: 0, inFlight: 0 });
  });
  const letters = db.prepare("SELECT reason_code, reason FROM dead_letter ORDER BY reason_code").raw().all() as [string, string][];
  assert.deepEqual(
    letters.map(([code]) => code),
    ["ENVELOPE", "PAYLOAD", "SCHEMA"],
  );
  assert.match(
    letters.map(([, reason]) => reason).join("\n"),
    /with "Records".*\n.*payload expression failed: No such key: bucket\n.*'key'/,
  );
  assert.deepEqual(db.prepare("SELECT reason, n, samples FROM ingest_count").raw().all(), [["ignored", 1, '["s3:TestEvent"]']]);
  const ids = db.prepare("SELECT DISTINCT message_id FROM asset_event").pluck().all();
  assert.equal(ids.length, 1, "the events of one message have its identity");
});
