import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedKafka, skipWithout, startKafka } from "./index.ts";

const skip = skipWithout("kafka");

test("Kafka takes records and gives them back with keys, headers and nulls", { skip }, async () => {
  const { client } = await sharedKafka();
  const topic = await client.createTopic({ partitions: 2 });
  await client.produce(topic, [
    { value: "zero", key: "k", headers: { trace: "abc" }, partition: 0 },
    { value: null, key: "gone", partition: 1 },
    { value: "", partition: 1 },
  ]);
  const records = await client.read(topic);
  assert.deepEqual(
    records.map((record) => [
      record.partition,
      record.offset,
      record.key?.toString() ?? null,
      record.value?.toString() ?? null,
      record.headers,
    ]),
    [
      [0, 0n, "k", "zero", { trace: "abc" }],
      [1, 0n, "gone", null, {}],
      [1, 1n, null, "", {}],
    ],
  );
});

test("a killed Kafka starts again on the same port with its data", { skip }, async (t) => {
  const kafka = await startKafka();
  t.after(() => kafka.stop());
  const topic = await kafka.client.createTopic();
  await kafka.client.produce(topic, ["before"]);
  await kafka.kill();
  await kafka.start();
  await kafka.client.produce(topic, ["after"]);
  const values = (await kafka.client.read(topic)).map((record) => String(record.value));
  assert.deepEqual(values, ["before", "after"]);
});
