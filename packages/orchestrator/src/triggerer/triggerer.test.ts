import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test, type TestContext } from "node:test";
import { provider as kafka } from "@millrace/kafka/provider";
import { provider as sqs } from "@millrace/sqs/provider";
import type { Connection, TriggerMessage } from "@millrace/sdk/provider";
import { MessageStore, eventually, sharedFauxqs, sharedKafka, skipWithout } from "@millrace/test-services";
import { systemClock } from "../domain/clock.ts";
import type { TriggerHealth } from "../domain/health.ts";
import type { IngestSink, TriggerSubscription } from "../domain/ingest-sink.ts";
import type { Log } from "../domain/log.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import { Triggerer } from "./triggerer.ts";

const silent = (): void => {};
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };

/** Stores in memory; `gate` holds an ingest back, `room` a stream. */
class RecordingSink implements IngestSink {
  readonly store = new MessageStore();
  readonly sizes: number[] = [];
  gate: Promise<void> = Promise.resolve();
  room: Promise<void> | null = null;
  failuresLeft = 0;
  #ingesting = 0;

  async ingest(
    _triggerId: number,
    messages: readonly TriggerMessage[],
  ): Promise<{ events: number; duplicates: number; deadLetters: number; runs: number }> {
    this.#ingesting += 1;
    assert.equal(this.#ingesting, 1, "one ingest at a time per stream");
    try {
      await this.gate;
      this.sizes.push(messages.length);
      if (this.failuresLeft > 0) {
        this.failuresLeft -= 1;
        throw new Error("the disk is full");
      }
      this.store.store(messages);
      return { events: messages.length, duplicates: 0, deadLetters: 0, runs: 0 };
    } finally {
      this.#ingesting -= 1;
    }
  }
  async positions(source: string): Promise<ReadonlyMap<string, bigint>> {
    return this.store.positions(source);
  }
  async startPositions(source: string, starts: ReadonlyMap<string, bigint>): Promise<void> {
    for (const [partition, next] of starts)
      if (!this.store.positions(source).has(partition)) this.store.setPosition(source, partition, next);
  }
  async cursor(): Promise<null> {
    return null;
  }
  waitForRoom(): Promise<void> | null {
    return this.room;
  }
}

/** The real providers, and how often each opened a trigger. */
function countingCatalog(): { catalog: ProviderCatalog; opened: () => number } {
  let opened = 0;
  const kinds = { ...sqs.triggers, ...kafka.triggers };
  const catalog: ProviderCatalog = {
    findTrigger(kind) {
      const found = kinds[kind];
      if (found === undefined) return undefined;
      return { ...found, open: (...args) => ((opened += 1), found.open(...args)) };
    },
    findDestination: () => undefined,
    findProvider: () => undefined,
    queueSchemes: [],
    findQueueScheme: () => undefined,
  };
  return { catalog, opened: () => opened };
}

interface Made {
  readonly triggerer: Triggerer;
  readonly opened: () => number;
  readonly connections: Map<string, Connection>;
}

async function makeTriggerer(t: TestContext, sink: RecordingSink): Promise<Made> {
  const server = (await sharedFauxqs()).connection();
  const connections = new Map<string, Connection>([
    [
      "aws_default",
      {
        id: "aws_default",
        connType: "aws",
        login: server.login,
        password: server.password,
        extra: { ...server.extra, wait_time_seconds: 1 },
      },
    ],
  ]);
  if (skipWithout("kafka") === false) {
    connections.set("kafka_default", { id: "kafka_default", connType: "kafka", extra: { "bootstrap.servers": (await sharedKafka()).url } });
  }
  const { catalog, opened } = countingCatalog();
  const get = async (id: string): Promise<Connection> => {
    const found = connections.get(id);
    if (found === undefined) throw new Error(`no connection ${id}`);
    return found;
  };
  const triggerer = new Triggerer({ sink, connections: { get }, catalog, clock: systemClock, log });
  t.after(() => triggerer.stop({ deadlineMs: 5_000 }));
  return { triggerer, opened, connections };
}

const onQueue = (triggerId: number, queueUrl: string, params: object = {}): TriggerSubscription => ({
  triggerId,
  kind: "sqs",
  connection: "aws_default",
  params: { queueUrl, ...params },
  defaultGroup: `group-${triggerId}`,
});
const healthOf = (triggerer: Triggerer, triggerId: number): TriggerHealth => {
  const found = triggerer.health().find((health) => health.triggerId === triggerId);
  assert.ok(found !== undefined);
  return found;
};
const numbered = (count: number): string[] => Array.from({ length: count }, (_, n) => `message ${n}`);

test("a message is acknowledged only once it is stored", async (t) => {
  const server = await sharedFauxqs();
  const queue = await server.createQueue();
  const sink = new RecordingSink();
  const gate = Promise.withResolvers<void>();
  sink.gate = gate.promise;
  const { triggerer } = await makeTriggerer(t, sink);
  triggerer.setSubscriptions([onQueue(1, queue)]);
  await triggerer.start();
  await server.send(queue, numbered(5));
  await eventually(async () => assert.equal((await server.count(queue)).inFlight, 5));
  assert.equal(sink.store.stored.length, 0);
  gate.resolve();
  await eventually(async () => assert.deepEqual(await server.count(queue), { visible: 0, inFlight: 0 }));
  assert.deepEqual(sink.store.values.toSorted(), numbered(5));
  const health = healthOf(triggerer, 1);
  assert.equal(health.state, "streaming");
  assert.equal(health.messages, 5);
  assert.ok(health.lastMessageAt !== null);
});

test("an ingest that fails is given the same messages again, and shown meanwhile", async (t) => {
  const server = await sharedFauxqs();
  const queue = await server.createQueue({ name: `test-${randomUUID()}.fifo` });
  const sink = new RecordingSink();
  sink.failuresLeft = 3;
  const { triggerer } = await makeTriggerer(t, sink);
  triggerer.setSubscriptions([onQueue(1, queue)]);
  await triggerer.start();
  await server.send(
    queue,
    numbered(20).map((body) => ({ body, groupId: "g", deduplicationId: body.replace(" ", "-") })),
  );
  await eventually(() => assert.match(String(healthOf(triggerer, 1).lastError), /the disk is full/));
  await eventually(() => assert.equal(sink.store.stored.length, 20));
  assert.deepEqual(sink.store.values, numbered(20));
  await eventually(async () => assert.deepEqual(await server.count(queue), { visible: 0, inFlight: 0 }));
  const { state, lastError } = healthOf(triggerer, 1);
  assert.deepEqual([state, lastError], ["streaming", null], "an error that is over is not shown on");
  assert.deepEqual(await triggerer.lags(), new Map(), "SQS does not tell without a further permission");
});

test("without room a stream is paused, and its messages wait in the broker", async (t) => {
  const server = await sharedFauxqs();
  const [queue, other] = [await server.createQueue(), await server.createQueue()];
  const sink = new RecordingSink();
  const room = Promise.withResolvers<void>();
  const { triggerer } = await makeTriggerer(t, sink);
  sink.waitForRoom = (triggerId?: number) => (triggerId === 1 ? sink.room : null);
  sink.room = room.promise;
  triggerer.setSubscriptions([onQueue(1, queue), onQueue(2, other)]);
  await triggerer.start();
  await server.send(queue, numbered(3_000));
  await server.send(other, ["of another trigger"]);
  await eventually(() => assert.equal(healthOf(triggerer, 1).state, "paused"));
  await eventually(() => assert.deepEqual(sink.store.values, ["of another trigger"]));
  assert.ok(
    (await server.count(queue)).visible >= 1_500,
    `${JSON.stringify(await server.count(queue))}: at most a buffer may have been pulled`,
  );
  sink.room = null;
  room.resolve();
  await eventually(() => assert.equal(sink.store.stored.length, 3_001));
  assert.ok(sink.sizes.every((size) => size <= 256));
  assert.equal(healthOf(triggerer, 1).state, "streaming");
});

test("a trigger that did not change is not restarted, one that did is, one that is gone is closed", async (t) => {
  const server = await sharedFauxqs();
  const [kept, changed, gone] = [await server.createQueue(), await server.createQueue(), await server.createQueue()];
  const sink = new RecordingSink();
  const { triggerer, opened } = await makeTriggerer(t, sink);
  triggerer.setSubscriptions([onQueue(1, kept), onQueue(2, changed), onQueue(3, gone)]);
  await triggerer.start();
  const areStreaming = (...ids: number[]): void =>
    assert.deepEqual(
      ids.map((id) => healthOf(triggerer, id).state),
      ids.map(() => "streaming"),
    );
  await eventually(() => areStreaming(1, 2, 3));
  assert.equal(opened(), 3);
  triggerer.setSubscriptions([onQueue(1, kept), onQueue(2, changed, { visibilityTimeout: 60 })]);
  await eventually(() => areStreaming(1, 2));
  assert.equal(opened(), 4);
  assert.deepEqual(
    triggerer.health().map((health) => health.triggerId),
    [1, 2],
  );
  await server.send(kept, ["kept"]);
  await server.send(changed, ["changed"]);
  await eventually(() => assert.deepEqual(sink.store.values.toSorted(), ["changed", "kept"]));
  assert.equal(healthOf(triggerer, 1).reconnects, 0);
});

test("where a connection changed, the triggers that use it are opened anew, and no other", async (t) => {
  const server = await sharedFauxqs();
  const [queue, other] = [await server.createQueue(), await server.createQueue()];
  const sink = new RecordingSink();
  const { triggerer, opened, connections } = await makeTriggerer(t, sink);
  triggerer.setSubscriptions([{ ...onQueue(1, queue), connection: "late" }, onQueue(2, other)]);
  await triggerer.start();
  await eventually(() => assert.match(healthOf(triggerer, 1).lastError ?? "", /no connection late/));
  await eventually(() => assert.equal(healthOf(triggerer, 2).state, "streaming"));
  assert.equal(opened(), 1);
  connections.set("late", { ...connections.get("aws_default")!, id: "late" });
  triggerer.reopen("late");
  await eventually(() => assert.equal(healthOf(triggerer, 1).state, "streaming"));
  assert.deepEqual([opened(), healthOf(triggerer, 1).lastError], [2, null]);
  await server.send(queue, numbered(1));
  await eventually(() => assert.deepEqual(sink.store.values, numbered(1)));
});

test("a trigger that cannot be opened says why, is tried again, and disturbs no other", async (t) => {
  const server = await sharedFauxqs();
  const queue = await server.createQueue();
  const missing = `missing-${randomUUID()}`;
  const sink = new RecordingSink();
  const { triggerer } = await makeTriggerer(t, sink);
  const unknown: TriggerSubscription = { ...onQueue(3, queue), kind: "carrier_pigeon" };
  triggerer.setSubscriptions([
    onQueue(1, queue),
    onQueue(2, `${server.url}/000000000000/${missing}`),
    unknown,
    { ...onQueue(4, queue), connection: "nowhere" },
  ]);
  await triggerer.start();
  await eventually(() => assert.match(String(healthOf(triggerer, 2).lastError), new RegExp(`^QUEUE_NOT_FOUND: .*${missing}`)));
  await eventually(() => assert.match(String(healthOf(triggerer, 3).lastError), /^TRIGGER_KIND_UNKNOWN: .*"carrier_pigeon"/));
  await eventually(() => assert.match(String(healthOf(triggerer, 4).lastError), /no connection nowhere/));
  assert.equal(healthOf(triggerer, 2).state, "failing");
  await server.send(queue, ["undisturbed"]);
  await eventually(() => assert.deepEqual(sink.store.values, ["undisturbed"]));
  await server.createQueue({ name: missing });
  await eventually(() => assert.equal(healthOf(triggerer, 2).state, "streaming"));
  assert.ok(healthOf(triggerer, 2).reconnects > 0);
});

test("a stop stores and acknowledges what was pulled: redelivery is not needed", async (t) => {
  const server = await sharedFauxqs();
  const queue = await server.createQueue({ attributes: { VisibilityTimeout: "3600" } });
  const sink = new RecordingSink();
  const { triggerer } = await makeTriggerer(t, sink);
  triggerer.setSubscriptions([onQueue(1, queue)]);
  await triggerer.start();
  const sending = server.send(queue, numbered(2_000));
  await eventually(() => assert.ok(sink.store.stored.length > 50));
  await triggerer.stop({ deadlineMs: 20_000 });
  await sending;
  const { visible, inFlight } = await server.count(queue);
  assert.equal(inFlight, 0);
  assert.equal(sink.store.stored.length + visible, 2_000);
  assert.equal(sink.store.duplicates, 0);
  assert.deepEqual(
    triggerer.health().map((health) => health.state),
    ["stopped"],
  );
  await triggerer.stop();
});

test("a stop while a stream waits for room does not wait for it", async (t) => {
  const server = await sharedFauxqs();
  const queue = await server.createQueue({ attributes: { VisibilityTimeout: "3600" } });
  const sink = new RecordingSink();
  sink.room = new Promise(() => {});
  const { triggerer } = await makeTriggerer(t, sink);
  triggerer.setSubscriptions([onQueue(1, queue)]);
  await triggerer.start();
  await server.send(queue, numbered(20));
  await eventually(() => assert.equal(healthOf(triggerer, 1).state, "paused"));
  await triggerer.stop({ deadlineMs: 3_600_000 });
  assert.equal(sink.store.stored.length, 0);
  await eventually(async () => assert.equal((await server.count(queue)).visible, 20));
});

test("a trigger that is stopped while its connection is looked up is not opened any more", async () => {
  const { catalog, opened } = countingCatalog();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Connection>();
  const get = async (): Promise<Connection> => (asked.resolve(), answer.promise);
  const triggerer = new Triggerer({ sink: new RecordingSink(), connections: { get }, catalog, clock: systemClock, log });
  triggerer.setSubscriptions([
    { triggerId: 1, kind: "sqs", connection: "c", params: { queueUrl: "http://127.0.0.1:1/0/q" }, defaultGroup: "g" },
  ]);
  await triggerer.start();
  await asked.promise;
  const stopped = triggerer.stop();
  answer.resolve({ id: "c", connType: "aws", extra: {} });
  await stopped;
  assert.equal(opened(), 0);
});

test("a stop before a start, and twice, is harmless; a stopped triggerer stays stopped", async (t) => {
  const sink = new RecordingSink();
  const { triggerer, opened } = await makeTriggerer(t, sink);
  triggerer.setSubscriptions([onQueue(1, `${(await sharedFauxqs()).url}/000000000000/any`)]);
  await triggerer.stop();
  await triggerer.stop();
  await triggerer.start();
  assert.equal(opened(), 0);
});

test("Kafka: stopped and started again, every message is stored once and none twice", { skip: skipWithout("kafka") }, async (t) => {
  const { client } = await sharedKafka();
  const topic = await client.createTopic({ partitions: 3 });
  const sink = new RecordingSink();
  const subscription: TriggerSubscription = {
    triggerId: 1,
    kind: "kafka",
    connection: "kafka_default",
    params: { topics: [topic] },
    defaultGroup: `group-${topic}`,
  };
  const first = (await makeTriggerer(t, sink)).triggerer;
  first.setSubscriptions([subscription]);
  await first.start();
  await eventually(() => assert.equal(healthOf(first, 1).state, "streaming"));
  const producing = (async () => {
    for (let n = 0; n < 10; n += 1)
      await client.produce(
        topic,
        numbered(500).map((value) => `${n} ${value}`),
      );
  })();
  await eventually(() => assert.ok(sink.store.stored.length > 100));
  await first.stop({ deadlineMs: 10_000 });
  const second = (await makeTriggerer(t, sink)).triggerer;
  second.setSubscriptions([subscription]);
  await second.start();
  await producing;
  await eventually(() => assert.equal(sink.store.stored.length, 5_000));
  assert.equal(new Set(sink.store.values).size, 5_000);
  assert.equal(sink.store.duplicates, 0);
  await eventually(async () => assert.deepEqual(await second.lags(), new Map([[1, 0]])));
});
