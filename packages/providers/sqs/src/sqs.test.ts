import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer, request, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { MessageStore, eventually, sharedFauxqs } from "@millrace/test-services";
import type { Connection, OutboundMessage, TriggerStream } from "@millrace/sdk/provider";
import { canonicalQueueUrl, canonicalTrigger, regionOf, type SqsTriggerParams } from "./params.ts";
import { SqsPublisher } from "./publisher.ts";
import { openSqsTrigger } from "./trigger.ts";

function connectionTo(endpoint: string): Connection {
  const extra = { endpoint_url: endpoint, region_name: "us-east-1", wait_time_seconds: 1 };
  return { id: "aws_default", connType: "aws", login: "test", password: "test", extra };
}

async function open(t: TestContext, params: SqsTriggerParams, store: MessageStore, endpoint?: string): Promise<TriggerStream> {
  const stream = await openSqsTrigger(params, connectionTo(endpoint ?? (await sharedFauxqs()).url), store.context());
  t.after(() => stream.close({ deadlineMs: 0 }));
  return stream;
}

async function listen(t: TestContext, handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address !== "string");
  return `http://127.0.0.1:${address.port}`;
}

/** Passes requests on to a real server and notes their actions. */
async function recordingProxy(t: TestContext, target: string): Promise<{ url: string; actions: string[] }> {
  const actions: string[] = [];
  const url = await listen(t, (incoming: IncomingMessage, outgoing: ServerResponse) => {
    actions.push(String(incoming.headers["x-amz-target"]));
    const { method, headers } = incoming;
    const passed = request(new URL(incoming.url ?? "/", target), { method, headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    incoming.pipe(passed);
  });
  return { url, actions };
}

test("consuming takes ReceiveMessage and DeleteMessage, and no other action", async (t) => {
  const sqs = await sharedFauxqs();
  const queueUrl = await sqs.createQueue();
  const proxy = await recordingProxy(t, sqs.url);
  const store = new MessageStore();
  const stream = await open(t, { queueUrl }, store, proxy.url);
  const drained = store.drain(stream);
  await sqs.send(
    queueUrl,
    Array.from({ length: 100 }, (_, n) => `message ${n}`),
  );
  await eventually(() => assert.equal(store.stored.length, 100));
  await stream.close({ deadlineMs: 20_000 });
  await drained;
  assert.deepEqual([...new Set(proxy.actions)].toSorted(), ["AmazonSQS.DeleteMessageBatch", "AmazonSQS.ReceiveMessage"]);
  assert.deepEqual(await sqs.count(queueUrl), { visible: 0, inFlight: 0 });
});

test("a message that arrives while the stream closes is yielded, not left to its visibility timeout", async (t) => {
  const sqs = await sharedFauxqs();
  const queueUrl = await sqs.createQueue({ attributes: { VisibilityTimeout: "3600" } });
  const store = new MessageStore();
  const stream = await open(t, { queueUrl, waitTimeSeconds: 5 }, store);
  const drained = store.drain(stream);
  await sqs.send(queueUrl, ["first"]);
  await eventually(() => assert.equal(store.stored.length, 1));
  const closing = stream.close({ deadlineMs: 30_000 });
  await sqs.send(queueUrl, ["last"]);
  await closing;
  await drained;
  assert.deepEqual(store.values, ["first", "last"]);
  assert.deepEqual(await sqs.count(queueUrl), { visible: 0, inFlight: 0 });
});

test("only what was not settled comes again", async (t) => {
  const sqs = await sharedFauxqs();
  const queueUrl = await sqs.createQueue({ attributes: { VisibilityTimeout: "2" } });
  await sqs.send(
    queueUrl,
    Array.from({ length: 10 }, (_, n) => String(n)),
  );
  const first = new MessageStore();
  const stream = await open(t, { queueUrl }, first);
  for await (const batch of stream) {
    first.store(batch);
    await stream.settle(batch.filter(({ value }) => Number(value) % 2 === 0).map((message) => ({ message, outcome: "ack" })));
    if (first.stored.length >= 10) break;
  }
  await stream.close({ deadlineMs: 0 });
  const second = new MessageStore();
  void second.drain(await open(t, { queueUrl }, second));
  await eventually(() => assert.deepEqual(second.values.toSorted(), ["1", "3", "5", "7", "9"]));
  const ids = new Set(first.stored.map(({ identity }) => JSON.stringify(identity)));
  for (const { identity } of second.stored) assert.ok(ids.has(JSON.stringify(identity)));
});

test("a FIFO queue gives its group as key, keeps its order, and drops a message that is published twice", async (t) => {
  const sqs = await sharedFauxqs();
  const queueUrl = await sqs.createQueue({ name: `test-${randomUUID()}.fifo` });
  const publisher = new SqsPublisher(connectionTo(sqs.url), new MessageStore().context().log);
  t.after(() => publisher.close());
  const messages: OutboundMessage[] = Array.from({ length: 30 }, (_, n) => ({
    id: `id-${n}`,
    params: { queueUrl },
    body: Buffer.from(String(n)),
    options: { groupId: "sensor-1" },
  }));
  await publisher.publish(messages);
  const again = await publisher.publish(messages.slice(0, 5));
  assert.deepEqual(
    again.map((result) => result.outcome),
    ["sent", "sent", "sent", "sent", "sent"],
  );
  const [withoutGroup] = await publisher.publish([{ ...messages[0]!, options: {} }]);
  assert.match(JSON.stringify(withoutGroup), /rejected.*groupId/);
  const store = new MessageStore();
  void store.drain(await open(t, { queueUrl }, store));
  await eventually(() => assert.equal(store.stored.length, 30));
  assert.deepEqual(
    store.values,
    messages.map(({ body }) => String(body)),
  );
  assert.equal(Buffer.from(store.stored[0]!.key!).toString(), "sensor-1");
});

/** What AWS answers, by its documentation, where no local server checks logins and policies. */
const REFUSALS: readonly (readonly [status: number, type: string, code: string, message: RegExp])[] = [
  [403, "AccessDeniedException", "ACCESS_DENIED", /sqs:ReceiveMessage.*not allowed.*policy/],
  [403, "InvalidClientTokenId", "AUTHENTICATION_FAILED", /refused the credentials.*login and password/],
  [403, "SignatureDoesNotMatch", "AUTHENTICATION_FAILED", /refused the credentials/],
  [400, "com.amazonaws.sqs#QueueDoesNotExist", "QUEUE_NOT_FOUND", /does not exist: create it/],
  [400, "com.amazonaws.sqs#InvalidParameterValue", "REQUEST_REFUSED", /refused a request/],
];

for (const [status, type, code, message] of REFUSALS) {
  test(`${type} is refused as ${code}, with what to do`, async (t) => {
    const endpoint = await listen(t, (_, response) => {
      response.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
      response.end(JSON.stringify({ __type: type, message: "as documented" }));
    });
    await assert.rejects(open(t, { queueUrl: "https://sqs.eu-west-1.amazonaws.com/1/q" }, new MessageStore(), endpoint), { code, message });
  });
}

test("a login without a password, or the reverse, is refused: nobody else's credentials are used", async (t) => {
  const queueUrl = "https://sqs.eu-west-1.amazonaws.com/1/q";
  const { login: _login, ...passwordOnly } = connectionTo("http://127.0.0.1:1");
  const { password: _password, ...loginOnly } = connectionTo("http://127.0.0.1:1");
  for (const [connection, message] of [
    [loginOnly, /got only login: add the password/] as const,
    [passwordOnly, /got only password: add the login/] as const,
  ]) {
    await assert.rejects(openSqsTrigger({ queueUrl }, connection, new MessageStore().context()), { code: "CREDENTIALS_MISSING", message });
    const publisher = new SqsPublisher(connection, new MessageStore().context().log);
    t.after(() => publisher.close());
    const [result] = await publisher.publish([{ id: "1", params: { queueUrl }, body: Buffer.from("x"), options: {} }]);
    assert.match(JSON.stringify(result), message);
  }
});

test("a queue that is deleted while it is read ends the stream by name", async (t) => {
  const sqs = await sharedFauxqs();
  const queueUrl = await sqs.createQueue();
  const store = new MessageStore();
  const drained = store.drain(await open(t, { queueUrl }, store));
  await sqs.deleteQueue(queueUrl);
  await assert.rejects(drained, { code: "QUEUE_NOT_FOUND" });
});

test("a queue has one canonical URL, and names its region", () => {
  const canonical = "https://sqs.eu-west-1.amazonaws.com/123/readings";
  for (const url of [
    canonical,
    "https://eu-west-1.queue.amazonaws.com/123/readings",
    "https://sqs-fips.eu-west-1.amazonaws.com/123/readings/",
  ]) {
    assert.equal(canonicalQueueUrl(url), canonical);
    assert.equal(regionOf(url), "eu-west-1");
  }
  assert.equal(canonicalQueueUrl("https://queue.amazonaws.com/123/q"), "https://sqs.us-east-1.amazonaws.com/123/q");
  assert.equal(canonicalQueueUrl("https://sqs.cn-north-1.amazonaws.com.cn/123/q"), "https://sqs.cn-north-1.amazonaws.com.cn/123/q");
  assert.equal(canonicalQueueUrl("http://localhost:4566/000000000000/q"), "http://localhost:4566/000000000000/q");
  assert.equal(regionOf("http://localhost:4566/000000000000/q"), null);
  assert.notEqual(canonicalTrigger({ queueUrl: canonical }), canonicalTrigger({ queueUrl: canonical, visibilityTimeout: 5 }));
});

test("a publisher without a server says so and keeps the messages", async (t) => {
  const endpoint = await listen(t, (incoming) => incoming.socket.destroy());
  const publisher = new SqsPublisher(connectionTo(endpoint), new MessageStore().context().log);
  t.after(() => publisher.close());
  const [result] = await publisher.publish([
    { id: "1", params: { queueUrl: "https://sqs.eu-west-1.amazonaws.com/1/q" }, body: Buffer.from("x"), options: {} },
  ]);
  assert.equal(result?.outcome, "retry");
  assert.match((result as { reason: string }).reason, /did not answer/);
});
