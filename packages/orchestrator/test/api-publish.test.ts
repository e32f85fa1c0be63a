import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, sharedFauxqs, sharedKafka, skipWithout } from "@millrace/test-services";
import { startApi } from "./api-harness.ts";
import { makeHome, run, startServer } from "./cli-harness.ts";

test("publish sends to the queue, as the provider reads its name, and says what is wrong otherwise", async (t) => {
  const sqs = await sharedFauxqs();
  const queueUrl = await sqs.createQueue();
  const { conn_type, login, password, extra } = sqs.connection();
  const api = await startApi(t, { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify({ conn_type, login, password, extra }) });
  const send = async (body: object) => api.post("/api/v2/publish", { connection_id: "aws_default", queue: queueUrl, ...body });
  const sent = await send({ body: '{"a":1}', headers: { unit: "celsius" }, count: 2 });
  assert.equal(sent.status, 200, sent.text);
  assert.deepEqual([sent.body.kind, sent.body.message_ids.length], ["sqs", 2]);
  const received = await sqs.receive(queueUrl);
  assert.deepEqual(
    received.map(({ Body, MessageAttributes }) => [Body, MessageAttributes?.["unit"]?.StringValue]),
    [
      ['{"a":1}', "celsius"],
      ['{"a":1}', "celsius"],
    ],
  );
  assert.deepEqual(
    received.map((one) => String(one.MessageAttributes?.["millrace-message-id"]?.StringValue)).toSorted(),
    sent.body.message_ids.toSorted(),
  );
  const byName = await send({ queue: new URL(queueUrl).pathname.split("/").at(-1), body: "by name" });
  assert.deepEqual(byName.body.params, { queueUrl });
  assert.deepEqual(
    (await sqs.receive(queueUrl)).map(({ Body }) => Body),
    ["by name"],
  );
  assert.match((await send({ queue: "nope", body: "x" })).body.detail, /QUEUE_NOT_FOUND: the queue "nope" does not exist/);
  const missing = await send({ queue: `${sqs.url}/000000000000/nope`, body: "x" });
  assert.deepEqual([missing.status, missing.body.code], [502, "PUBLISH_FAILED"]);
  assert.match(missing.body.detail, /nope/);
  assert.match((await send({})).body.detail, /expected one of the fields 'body' and 'body_base64', got none/);
  assert.match(
    (await api.post("/api/v2/publish", { connection_id: "aws", queue: "q", body: "x" })).body.hint,
    /did you mean|known are aws_default/,
  );
});

test("a FIFO queue takes the key as its group; one without is told so", async (t) => {
  const sqs = await sharedFauxqs();
  const queueUrl = await sqs.createQueue({ name: `publish-${Date.now()}.fifo` });
  const api = await startApi(t, { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) });
  const message = { connection_id: "aws_default", queue: queueUrl, body: "x" };
  assert.equal((await api.post("/api/v2/publish", { ...message, key: "g" })).status, 200);
  assert.match((await api.post("/api/v2/publish", message)).body.detail, /expected a groupId, got none/);
});

test("a Kafka topic takes key, headers and bytes; one that is not there is told", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await sharedKafka();
  const topic = await kafka.client.createTopic();
  const api = await startApi(t, { MILLRACE_CONN_KAFKA_DEFAULT: `kafka://${kafka.url}` });
  const send = async (body: object) => api.post("/api/v2/publish", { connection_id: "kafka_default", queue: topic, ...body });
  const bytes = Buffer.from([0, 255, 10]);
  const sent = await send({ body_base64: bytes.toString("base64"), key: "s1", headers: { unit: "celsius" } });
  assert.equal(sent.status, 200, sent.text);
  const [record] = await kafka.client.read(topic);
  assert.deepEqual([record!.value, record!.key?.toString()], [bytes, "s1"]);
  const byUrl = { connection_id: "kafka_default", queue: `kafka://${kafka.url}/${topic}`, body: "by URL alone" };
  const bare = await startApi(t);
  assert.equal((await bare.post("/api/v2/publish", byUrl)).status, 200);
  assert.equal((await bare.post("/api/v2/publish", { ...byUrl, connection_id: "other" })).body.code, "CONNECTION_NOT_FOUND");
  assert.equal((await bare.post("/api/v2/publish", { ...byUrl, queue: topic })).body.code, "CONNECTION_NOT_FOUND");
  assert.equal((await kafka.client.read(topic)).length, 2);
  const missing = await send({ queue: "no-such-topic", body: "x" });
  assert.deepEqual([missing.status, missing.body.code], [502, "PUBLISH_FAILED"]);
  assert.match(missing.body.detail, /topic "no-such-topic" does not exist on Kafka/);
  const wrong = await send({ queue: "two words", body: "x" });
  assert.deepEqual([wrong.status, wrong.body.code], [400, "BAD_REQUEST"]);
});

test("millrace publish goes through the server, or straight over a connection that only the command has", async (t) => {
  const sqs = await sharedFauxqs();
  const queueUrl = await sqs.createQueue();
  const connection = JSON.stringify(sqs.connection());
  const { millrace, home } = await startServer(t, { environment: { MILLRACE_CONN_AWS_DEFAULT: connection } });
  const sent = await millrace("publish", "aws_default", "--queue", queueUrl, "--body", "one", "--header", "unit=celsius", "--count", "2");
  assert.equal(sent.code, 0, sent.err);
  assert.match(sent.out, new RegExp(`^sent 2 messages to sqs ${queueUrl}\n\\S+\n\\S+\n$`));
  const mine = { MILLRACE_CONN_MINE: connection };
  for (const place of [home, makeHome(t)]) {
    const direct = await run(place, ["publish", "mine", "--queue", queueUrl, "--body", "-", "-o", "json"], mine, "piped");
    assert.equal(direct.code, 0, direct.err);
    assert.equal(JSON.parse(direct.out).message_ids.length, 1);
  }
  const bodies: string[] = [];
  await eventually(async () => {
    bodies.push(...(await sqs.receive(queueUrl)).map(({ Body }) => String(Body)));
    assert.deepEqual(bodies.toSorted(), ["one", "one", "piped", "piped"]);
  });
  const unknown = await millrace("publish", "aws_defualt", "--queue", queueUrl, "--body", "x");
  assert.match(unknown.err, /connection 'aws_defualt'.*\nhint: did you mean 'aws_default'\?/);
  assert.equal((await millrace("publish", "aws_default", "--queue", queueUrl, "--body", "x", "--count", "0")).code, 2);
  assert.equal((await millrace("publish", "aws_default", "--queue", queueUrl, "--body", "x", "--header", "unit")).code, 2);
  assert.equal((await millrace("publish", "aws_default", "--body", "x")).code, 2);
});
