import { strict as assert } from "node:assert";
import { test } from "node:test";
import { MessageStore, sharedKafka, skipWithout } from "@millrace/test-services";
import { kafkaTrigger } from "./index.ts";
import { provider } from "./provider.ts";
import { completeConnection, kafkaQueues } from "./queue.ts";
import { openKafkaTrigger } from "./trigger.ts";

const TARGETS: readonly (readonly [string, object])[] = [
  ["kafka://broker:9092/readings", { topics: ["readings"], bootstrapServers: "broker:9092" }],
  ["kafka://broker/readings", { topics: ["readings"], bootstrapServers: "broker" }],
  ["kafka://a:1,b:2/readings,more.readings", { topics: ["readings", "more.readings"], bootstrapServers: "a:1,b:2" }],
  ["kafka://[::1]:9092/t", { topics: ["t"], bootstrapServers: "[::1]:9092" }],
  ["kafka:///readings", { topics: ["readings"] }],
  ["KAFKA://broker/Readings", { topics: ["Readings"], bootstrapServers: "broker" }],
  ["readings", { topics: ["readings"] }],
];
for (const [queue, params] of TARGETS) {
  test(`${queue} is a topic`, () => {
    assert.deepEqual(kafkaQueues.trigger(queue), { kind: "kafka", connection: "kafka_default", params });
    assert.equal(kafkaQueues.match(queue), queue.toLowerCase().startsWith("kafka:") ? "yes" : "no");
  });
}

const MISTAKES: readonly (readonly [string, RegExp])[] = [
  ["kafka://readings", /expected a topic after the servers.*"kafka:\/\/\/readings"/],
  ["kafka://broker.example.com:9092", /expected a topic after the servers.*"kafka:\/\/\/topic"/],
  ["kafka://broker:9092/a b", /topic's name.*got "a b"/],
  ["kafka://user:secret@broker/t", /servers such as host:9092/],
];
for (const [queue, message] of MISTAKES) test(`${queue} is told`, () => assert.throws(() => kafkaQueues.trigger(queue), { message }));

test("one topic is published to", () => {
  assert.deepEqual(kafkaQueues.destination("kafka://b/t").params, { topic: "t", bootstrapServers: "b" });
  assert.throws(() => kafkaQueues.destination("kafka://b/t,u"), /one topic to publish to, got 2/);
});

test("the URL's servers count where the connection has none, and replace the default connection", () => {
  const params = { topic: "t", bootstrapServers: "b:1" };
  const own = { id: "c", connType: "kafka", extra: { "sasl.username": "u" } };
  assert.deepEqual(completeConnection(params, "c", own)?.extra, { "sasl.username": "u", "bootstrap.servers": "b:1" });
  assert.deepEqual(completeConnection(params, "c", { ...own, host: "h" })?.extra, own.extra);
  assert.deepEqual(completeConnection(params, "kafka_default", null)?.extra, { "bootstrap.servers": "b:1" });
  assert.equal(completeConnection(params, "c", null), null);
  assert.equal(completeConnection({ topic: "t" } as object, "kafka_default", null), null);
  const topic = provider.destinations["kafka"]!;
  assert.notEqual(topic.lane({ topic: "t" }), topic.lane(params));
});

test("servers of the connection that are not the URL's are told", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await sharedKafka();
  const topic = await kafka.client.createTopic();
  const warnings: string[] = [];
  const store = new MessageStore();
  const context = store.context();
  const log = { ...context.log, warn: (message: string) => void warnings.push(message) };
  const connection = { id: "kafka_default", connType: "kafka", extra: { "bootstrap.servers": kafka.url } };
  const stream = await openKafkaTrigger({ topics: [topic], bootstrapServers: "elsewhere:9092" }, connection, { ...context, log });
  t.after(() => stream.close({ deadlineMs: 0 }));
  assert.deepEqual(warnings, ['the servers of connection "kafka_default" are used, not those in the queue\'s URL']);
});

test("topics by a pattern are data", () => {
  assert.deepEqual(kafkaTrigger({ topics: /^readings\./ }).params, { topicPattern: "^readings\\." });
  assert.deepEqual(kafkaTrigger({ topics: /^a/iu, from: "earliest" }).params, { topicPattern: "(?i)^a", from: "earliest" });
  assert.throws(() => kafkaTrigger({ topics: /^a(?!b)/ }), { message: /without references and lookarounds, got \/\^a\(\?!b\)\// });
  assert.throws(() => kafkaTrigger({ topics: /a/g }), { message: /no flag but i/ });
});

test("two triggers in one group that is named take a topic's messages from each other", () => {
  const kafka = provider.triggers["kafka"]!;
  assert.deepEqual(kafka.queues({ topics: ["a", "b"], groupId: "g" }), ["a in the group g", "b in the group g"]);
  assert.deepEqual(kafka.queues({ topics: ["a"] }), []);
});
