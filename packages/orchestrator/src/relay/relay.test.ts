import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test, type TestContext } from "node:test";
import { provider as kafka } from "@millrace/kafka/provider";
import { provider as sqs } from "@millrace/sqs/provider";
import type { Connection } from "@millrace/sdk/provider";
import { eventually, sharedFauxqs, sharedKafka, skipWithout, startFauxqs, type FauxqsServer } from "@millrace/test-services";
import { systemClock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type { Outbox, OutboxMessage, OutboxOutcome } from "../domain/outbox.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import { Relay } from "./relay.ts";

const silent = (): void => {};
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const destinations = { ...sqs.destinations, ...kafka.destinations };
const catalog: ProviderCatalog = {
  findTrigger: () => undefined,
  findDestination: (kind) => destinations[kind],
  findProvider: () => undefined,
  queueSchemes: [],
  findQueueScheme: () => undefined,
};

/** The outbox table, in memory. */
class MemoryOutbox implements Outbox {
  readonly rows: OutboxMessage[] = [];
  readonly outcomes = new Map<number, OutboxOutcome>();
  recordFailuresLeft = 0;
  retries = 0;

  /** Commits messages and gives them back, to be offered. */
  add(
    kind: string,
    connection: string,
    params: Readonly<Record<string, unknown>>,
    bodies: readonly (string | Buffer)[],
    options: Readonly<Record<string, unknown>> = {},
  ): OutboxMessage[] {
    const added = bodies.map((body, n) => ({
      id: this.rows.length + n + 1,
      kind,
      connection,
      params,
      options,
      body: Buffer.from(body),
      attempts: 0,
    }));
    this.rows.push(...added);
    return added;
  }
  async pending(afterId: number, limit: number): Promise<readonly OutboxMessage[]> {
    return this.rows.filter(({ id }) => id > afterId && !this.outcomes.has(id)).slice(0, limit);
  }
  async record(outcomes: readonly OutboxOutcome[]): Promise<void> {
    if (this.recordFailuresLeft > 0) {
      this.recordFailuresLeft -= 1;
      throw new Error("the disk is full");
    }
    for (const outcome of outcomes) {
      if (outcome.outcome === "retry") this.retries += 1;
      else this.outcomes.set(outcome.id, outcome);
    }
  }
  count(outcome: OutboxOutcome["outcome"]): number {
    return [...this.outcomes.values()].filter((one) => one.outcome === outcome).length;
  }
}

function awsConnection(server: FauxqsServer): Connection {
  const { login, password, extra } = server.connection();
  return { id: "aws_default", connType: "aws", login, password, extra };
}

async function startRelay(
  t: TestContext,
  outbox: Outbox,
  server?: FauxqsServer,
  connections = new Map<string, Connection>(),
): Promise<Relay> {
  connections.set("aws_default", awsConnection(server ?? (await sharedFauxqs())));
  if (skipWithout("kafka") === false && server === undefined) {
    connections.set("kafka_default", { id: "kafka_default", connType: "kafka", extra: { "bootstrap.servers": (await sharedKafka()).url } });
  }
  const get = async (id: string): Promise<Connection> => {
    const found = connections.get(id);
    if (found === undefined) throw new Error(`no connection ${id}`);
    return found;
  };
  const relay = new Relay({ outbox, connections: { get }, catalog, clock: systemClock, log, instance: "test" });
  t.after(() => relay.stop({ deadlineMs: 1_000 }));
  await relay.start();
  return relay;
}

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${prefix} ${n}`);
const fifo = { groupId: "g" };

async function receiveAll(server: FauxqsServer, queue: string, count: number): Promise<string[]> {
  const bodies: string[] = [];
  await eventually(async () => {
    bodies.push(...(await server.receive(queue)).map(({ Body }) => String(Body)));
    assert.equal(bodies.length, count);
  });
  return bodies;
}

test("what an earlier process left and what is offered meanwhile go out once, in order", async (t) => {
  const server = await sharedFauxqs();
  const queueUrl = await server.createQueue({ name: `test-${randomUUID()}.fifo` });
  const outbox = new MemoryOutbox();
  outbox.add("sqs", "aws_default", { queueUrl }, numbered("left", 700), fifo);
  const relay = await startRelay(t, outbox);
  for (let n = 0; n < 10; n += 1) relay.offer(outbox.add("sqs", "aws_default", { queueUrl }, numbered(`offered ${n}`, 20), fifo));
  assert.deepEqual(
    await receiveAll(server, queueUrl, 900),
    outbox.rows.map(({ body }) => String(body)),
  );
  await eventually(() => assert.equal(outbox.count("sent"), 900));
});

test("a lane that cannot send blocks nobody else, and sends in order once it can", async (t) => {
  const server = await sharedFauxqs();
  const name = `late-${randomUUID()}.fifo`;
  const [queueUrl, lateUrl] = [await server.createQueue(), `${server.url}/000000000000/${name}`];
  const outbox = new MemoryOutbox();
  const relay = await startRelay(t, outbox);
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl: lateUrl }, numbered("late", 30), fifo));
  relay.offer(outbox.add("sqs", "no_such_connection", { queueUrl }, ["nowhere to go"]));
  relay.offer(outbox.add("carrier_pigeon", "aws_default", {}, ["no provider"]));
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl }, numbered("on time", 30)));
  assert.equal((await receiveAll(server, queueUrl, 30)).length, 30);
  await eventually(() => assert.ok(outbox.retries >= 3));
  await eventually(() => assert.equal(outbox.count("sent"), 30));
  await server.createQueue({ name });
  assert.deepEqual(await receiveAll(server, lateUrl, 30), numbered("late", 30));
  await eventually(() => assert.equal(outbox.count("sent"), 60));
});

test("where a connection changed, what is sent from then on goes over the new one", async (t) => {
  const [first, second] = [await sharedFauxqs(), await startFauxqs()];
  t.after(() => second.stop());
  const name = `moved-${randomUUID()}`;
  const [queue, moved] = [await first.createQueue({ name }), await second.createQueue({ name })];
  const outbox = new MemoryOutbox();
  const connections = new Map<string, Connection>();
  const relay = await startRelay(t, outbox, first, connections);
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl: queue }, ["to the first"]));
  await eventually(() => assert.equal(outbox.count("sent"), 1));
  connections.set("aws_default", awsConnection(second));
  relay.reopen("aws_default");
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl: queue }, ["to the second"]));
  await eventually(() => assert.equal(outbox.count("sent"), 2));
  assert.deepEqual(
    (await first.receive(queue)).map(({ Body }) => Body),
    ["to the first"],
  );
  assert.deepEqual(
    (await second.receive(moved)).map(({ Body }) => Body),
    ["to the second"],
  );
});

test("what the broker never takes is recorded as rejected, and the rest is sent", async (t) => {
  const server = await sharedFauxqs();
  const queueUrl = await server.createQueue();
  const outbox = new MemoryOutbox();
  const relay = await startRelay(t, outbox);
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl }, ["before", Buffer.from([0xff, 0xfe]), "after"]));
  await eventually(() => assert.equal(outbox.outcomes.size, 3));
  const rejected = outbox.outcomes.get(2);
  assert.ok(rejected?.outcome === "rejected");
  assert.match(rejected.reason, /UTF-8/);
  assert.deepEqual((await receiveAll(server, queueUrl, 2)).toSorted(), ["after", "before"]);
});

test("an outcome that cannot be recorded is recorded later, and its message is not sent again", async (t) => {
  const server = await sharedFauxqs();
  const queueUrl = await server.createQueue();
  const outbox = new MemoryOutbox();
  outbox.recordFailuresLeft = 3;
  const relay = await startRelay(t, outbox);
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl }, numbered("message", 5)));
  await eventually(() => assert.equal(outbox.count("sent"), 5));
  assert.deepEqual((await receiveAll(server, queueUrl, 5)).toSorted(), numbered("message", 5));
});

test("a stop sends what waits in memory; what a blocked lane holds is sent by the next relay", async (t) => {
  const server = await sharedFauxqs();
  const name = `late-${randomUUID()}`;
  const [queueUrl, lateUrl] = [await server.createQueue(), `${server.url}/000000000000/${name}`];
  const outbox = new MemoryOutbox();
  const relay = await startRelay(t, outbox);
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl: lateUrl }, ["late"]));
  await eventually(() => assert.ok(outbox.retries > 0));
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl }, numbered("message", 1_500)));
  await relay.stop({ deadlineMs: 20_000 });
  await relay.stop();
  assert.equal(outbox.count("sent"), 1_500);
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl }, ["after the stop"]));
  await server.createQueue({ name });
  await startRelay(t, outbox);
  await eventually(() => assert.equal(outbox.count("sent"), 1_502));
  assert.deepEqual(await receiveAll(server, lateUrl, 1), ["late"]);
  assert.equal((await receiveAll(server, queueUrl, 1_501)).length, 1_501);
});

test("a broker that is killed and comes back gets every message", async (t) => {
  const server = await startFauxqs({ persistence: true });
  t.after(() => server.stop());
  const queueUrl = await server.createQueue();
  const outbox = new MemoryOutbox();
  const relay = await startRelay(t, outbox, server);
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl }, numbered("before", 20)));
  await eventually(() => assert.equal(outbox.count("sent"), 20));
  await server.kill();
  relay.offer(outbox.add("sqs", "aws_default", { queueUrl }, numbered("after", 20)));
  await eventually(() => assert.ok(outbox.retries > 0));
  await server.start();
  await eventually(() => assert.equal(outbox.count("sent"), 40), { withinMs: 60_000 });
  assert.deepEqual(new Set(await receiveAll(server, queueUrl, 40)), new Set([...numbered("before", 20), ...numbered("after", 20)]));
});

test(
  "Kafka: a blocked lane holds a bounded part of its messages, and sends all of them in order once it can",
  { skip: skipWithout("kafka") },
  async (t) => {
    const { client } = await sharedKafka();
    const topic = `late-${randomUUID()}`;
    const outbox = new MemoryOutbox();
    const relay = await startRelay(t, outbox);
    const publish = (from: number): void => relay.offer(outbox.add("kafka", "kafka_default", { topic }, numbered(`part ${from}`, 500)));
    for (let n = 0; n < 12; n += 1) publish(n);
    await eventually(() => assert.ok(outbox.retries > 0));
    for (let n = 12; n < 20; n += 1) publish(n);
    await client.createTopic({ name: topic });
    await eventually(() => assert.equal(outbox.count("sent"), 10_000), { withinMs: 60_000 });
    const records = await client.read(topic);
    assert.deepEqual(
      records.map(({ value }) => String(value)),
      outbox.rows.map(({ body }) => String(body)),
    );
    assert.equal(records[0]!.headers["millrace-message-id"], "test-1");
  },
);

test(
  "options that no publisher can make sense of are rejected alone, and their lane goes on",
  { skip: skipWithout("kafka") },
  async (t) => {
    const server = await sharedFauxqs();
    const queueUrl = await server.createQueue();
    const { client } = await sharedKafka();
    const topic = await client.createTopic();
    const outbox = new MemoryOutbox();
    const relay = await startRelay(t, outbox);
    const ten = Object.fromEntries(numbered("a", 10).map((name) => [name.replace(" ", "."), "x"]));
    relay.offer([
      ...outbox.add("kafka", "kafka_default", { topic }, ["one"]),
      ...[{ key: 7 }, { headers: { a: null } }, { partition: -1 }, { surprise: true }].flatMap((options) =>
        outbox.add("kafka", "kafka_default", { topic }, ["bad"], options),
      ),
      ...outbox.add("kafka", "kafka_default", { topic }, ["two"], { key: "k" }),
      ...outbox.add("sqs", "aws_default", { queueUrl }, ["bad"], { headers: ten }),
      ...outbox.add("sqs", "aws_default", { queueUrl }, ["three"]),
    ]);
    await eventually(() => assert.deepEqual([outbox.count("sent"), outbox.count("rejected")], [3, 5]));
    assert.deepEqual(
      (await client.read(topic)).map(({ value }) => String(value)),
      ["one", "two"],
    );
    assert.equal(outbox.retries, 0);
  },
);
