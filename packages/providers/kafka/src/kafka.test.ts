import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test, type TestContext } from "node:test";
import { MessageStore, eventually, sharedKafka, skipWithout, type KafkaServer } from "@millrace/test-services";
import type { Connection, TriggerStream } from "@millrace/sdk/provider";
import { kafkaTrigger } from "./index.ts";
import type { KafkaTriggerParams } from "./params.ts";
import { KafkaPublisher } from "./publisher.ts";
import { openKafkaTrigger } from "./trigger.ts";

const skip = skipWithout("kafka");

function connectionTo(kafka: KafkaServer, extra: Readonly<Record<string, string>> = {}): Connection {
  return { id: "kafka_default", connType: "kafka", extra: { "bootstrap.servers": kafka.url, ...extra } };
}

interface OpenOptions {
  readonly store: MessageStore;
  readonly group: string;
  readonly params: KafkaTriggerParams;
  readonly extra?: Readonly<Record<string, string>>;
}

async function open(t: TestContext, { store, group, params, extra }: OpenOptions): Promise<TriggerStream> {
  const kafka = await sharedKafka();
  const stream = await openKafkaTrigger(params, connectionTo(kafka, extra), store.context({ group }));
  t.after(() => stream.close({ deadlineMs: 0 }));
  return stream;
}

/** How many timers keep this process alive. */
const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
const newGroup = (): string => `group-${randomUUID()}`;

test("the start is pinned when a trigger is first opened: what comes while nobody reads is read later", { skip }, async (t) => {
  const { client } = await sharedKafka();
  const topic = await client.createTopic({ partitions: 2 });
  await client.produce(topic, ["too old"]);
  const [store, group] = [new MessageStore(), newGroup()];
  await (await open(t, { store, group, params: { topics: [topic] } })).close({ deadlineMs: 0 });
  await client.produce(topic, [
    { value: "meanwhile 0", partition: 0 },
    { value: "meanwhile 1", partition: 1 },
  ]);
  void store.drain(await open(t, { store, group, params: { topics: [topic] } }));
  await eventually(() => assert.deepEqual(store.values.toSorted(), ["meanwhile 0", "meanwhile 1"]));
});

test("where to begin: the trigger's `from`, then the connection's auto.offset.reset, then latest", { skip }, async (t) => {
  const { client } = await sharedKafka();
  const topic = await client.createTopic();
  await client.produce(topic, ["old"]);
  const begin = async (params: Partial<KafkaTriggerParams>, extra: Readonly<Record<string, string>>): Promise<string[]> => {
    const store = new MessageStore();
    const stream = await open(t, { store, group: newGroup(), params: { topics: [topic], ...params }, extra });
    await stream.close({ deadlineMs: 0 });
    return store.sources.map((source) => String(store.positions(source).get("0")));
  };
  assert.deepEqual(await begin({}, {}), ["1"]);
  assert.deepEqual(await begin({}, { "auto.offset.reset": "earliest" }), ["0"]);
  assert.deepEqual(await begin({ from: "latest" }, { "auto.offset.reset": "earliest" }), ["1"]);
  assert.deepEqual(await begin({ from: "earliest" }, {}), ["0"]);
});

test("which group: the trigger's groupId, then the connection's group.id, then the default; its commits are set", { skip }, async (t) => {
  const { client } = await sharedKafka();
  const topic = await client.createTopic();
  const [byParam, byConnection, byDefault] = [newGroup(), newGroup(), newGroup()];
  const store = new MessageStore();
  const params = { topics: [topic], from: "earliest" } as const;
  for (const stream of [
    await open(t, { store, group: byDefault, params }),
    await open(t, { store, group: byDefault, params, extra: { "group.id": byConnection } }),
    await open(t, { store, group: byDefault, params: { ...params, groupId: byParam }, extra: { "group.id": byConnection } }),
  ]) {
    await stream.close({ deadlineMs: 0 });
  }
  for (const group of [byParam, byConnection, byDefault]) assert.deepEqual(await client.committed(group), new Map([[`${topic}:0`, 0n]]));
  assert.deepEqual(
    store.sources.map((source) => source.split("/")[1]),
    [byDefault, byConnection, byParam],
  );
});

test("a group without stored positions goes on at its commits", { skip }, async (t) => {
  const { client } = await sharedKafka();
  const topic = await client.createTopic();
  await client.produce(topic, ["read elsewhere", "not read yet"]);
  const group = newGroup();
  const elsewhere = new MessageStore();
  const stream = await open(t, { store: elsewhere, group, params: { topics: [topic], from: "earliest" } });
  for await (const batch of stream) {
    await stream.settle([{ message: batch[0]!, outcome: "ack" }]);
    break;
  }
  await stream.close({ deadlineMs: 0 });
  assert.deepEqual(await client.committed(group), new Map([[`${topic}:0`, 1n]]));
  const store = new MessageStore();
  void store.drain(await open(t, { store, group, params: { topics: [topic] } }));
  await eventually(() => assert.deepEqual(store.values, ["not read yet"]));
});

test("the stored position wins over the group's commit", { skip }, async (t) => {
  const { client } = await sharedKafka();
  const topic = await client.createTopic();
  const [store, group, params] = [new MessageStore(), newGroup(), { topics: [topic], from: "earliest" } as const];
  await client.produce(topic, ["a", "b", "c", "d"]);
  const first = await open(t, { store, group, params });
  const drained = store.drain(first);
  await eventually(() => assert.equal(store.stored.length, 4));
  await first.close({ deadlineMs: 5_000 });
  await drained;
  assert.deepEqual(await client.committed(group), new Map([[`${topic}:0`, 4n]]));
  // As after the metadata DB was restored from a backup.
  const restored = new MessageStore();
  for (const source of store.sources) restored.setPosition(source, "0", 1n);
  void restored.drain(await open(t, { store: restored, group, params }));
  await eventually(() => assert.deepEqual(restored.values, ["b", "c", "d"]));
});

test("only the settled prefix is committed to the group", { skip }, async (t) => {
  const { client } = await sharedKafka();
  const topic = await client.createTopic();
  const [store, group] = [new MessageStore(), newGroup()];
  await client.produce(topic, ["0", "1", "2", "3", "4"]);
  const stream = await open(t, { store, group, params: { topics: [topic], from: "earliest" } });
  for await (const batch of stream) {
    store.store(batch);
    if (store.stored.length === 5) break;
  }
  const settle = (...offsets: number[]): Promise<void> =>
    stream.settle(offsets.map((offset) => ({ message: store.stored[offset]!, outcome: "ack" })));
  await settle(0, 1, 3);
  await eventually(async () => assert.equal((await client.committed(group)).get(`${topic}:0`), 2n));
  await settle(2);
  await eventually(async () => assert.equal((await client.committed(group)).get(`${topic}:0`), 4n));
});

test("messages that retention removed are reported as a gap, and reading goes on after it", { skip }, async (t) => {
  const { client } = await sharedKafka();
  const topic = await client.createTopic({ configs: { "segment.bytes": "1048576", "retention.bytes": "1048576" } });
  const [store, group] = [new MessageStore(), newGroup()];
  await (await open(t, { store, group, params: { topics: [topic] } })).close({ deadlineMs: 0 });
  for (let n = 0; n < 5; n += 1) await client.produce(topic, [Buffer.alloc(900_000, "x")]);
  await eventually(async () => assert.ok((await client.read(topic))[0]!.offset > 0n), { withinMs: 60_000 });
  void store.drain(await open(t, { store, group, params: { topics: [topic] } }));
  await client.produce(topic, ["after the gap"]);
  await eventually(() => assert.ok(store.values.includes("after the gap")));
  const first = store.stored[0]!.identity as { offset: bigint };
  assert.deepEqual(
    store.events.gaps.map(({ partition, expected, actual }) => ({ partition, expected, actual })),
    [{ partition: "0", expected: 0n, actual: first.offset }],
  );
});

async function recreate(t: TestContext): Promise<void> {
  const { client } = await sharedKafka();
  const topic = await client.createTopic();
  const [store, group] = [new MessageStore(), newGroup()];
  const params: KafkaTriggerParams = { topics: [topic] };
  const first = await open(t, { store, group, params });
  const died = store.drain(first).then(
    () => null,
    (error: Error) => error,
  );
  await client.produce(topic, ["old 0", "old 1"]);
  await eventually(() => assert.equal(store.stored.length, 2));
  await client.deleteTopic(topic);
  await eventually(() => client.createTopic({ name: topic }));
  await client.produce(topic, ["new 0", "new 1"]);
  assert.equal(((await died) as { code?: string } | null)?.code, "TOPIC_RECREATED");
  await first.close({ deadlineMs: 0 });
  void store.drain(await open(t, { store, group, params }));
  await eventually(() => assert.deepEqual(store.values, ["old 0", "old 1", "new 0", "new 1"]));
  assert.equal(store.sources.length, 2);
}

async function match(t: TestContext): Promise<void> {
  const { client } = await sharedKafka();
  const prefix = `match-${randomUUID()}`;
  const create = (name: string): Promise<string> => client.createTopic({ name: `${prefix}.${name}` });
  const [store, group] = [new MessageStore(), newGroup()];
  const { params } = kafkaTrigger({ topics: new RegExp(`^${prefix}\\.[ab]`) }) as { params: KafkaTriggerParams };
  await assert.rejects(open(t, { store, group, params }), { code: "TOPIC_NOT_FOUND", message: /no topic that matches .* yet/ });
  const [a] = [await create("a"), await create("c")];
  await client.produce(a, ["came before it was read"]);
  const stream = await open(t, { store, group, params });
  const ended = store.drain(stream);
  const b = await create("b1");
  await client.produce(b, ["in a new topic"]);
  await client.produce(`${prefix}.c`, ["does not match"]);
  await ended;
  await stream.close({ deadlineMs: 0 });
  await client.produce(await create("b2"), ["while nobody reads"]);
  void store.drain(await open(t, { store, group, params }));
  const all = ["came before it was read", "in a new topic", "while nobody reads"];
  await eventually(() => assert.deepEqual(store.values.toSorted(), all), { withinMs: 60_000 });
  const elsewhere = new MessageStore();
  void elsewhere.drain(await open(t, { store: elsewhere, group: newGroup(), params }));
  await client.produce(a, ["after a first start"]);
  await eventually(() => assert.deepEqual(elsewhere.values, ["after a first start"]), { withinMs: 60_000 });
}

async function grow(t: TestContext): Promise<void> {
  const { client } = await sharedKafka();
  const topic = await client.createTopic();
  const [store, group] = [new MessageStore(), newGroup()];
  void store.drain(await open(t, { store, group, params: { topics: [topic] } }));
  await client.growTopic(topic, 3);
  await eventually(() => client.produce(topic, [{ value: "in a new partition", partition: 2 }]));
  await eventually(() => assert.ok(store.values.includes("in a new partition")), { withinMs: 60_000 });
}

test("topics that change while they are read", { skip, concurrency: true }, async (t) => {
  await Promise.all([
    t.test("one that is deleted and created again begins at its beginning, and nothing of it is taken for a duplicate", recreate),
    t.test("a partition that is added is read from its beginning", grow),
    t.test("a topic that comes to match a pattern is read from its beginning", match),
  ]);
});

test("triggers with different topics in one group each get their own", { skip }, async (t) => {
  const { client } = await sharedKafka();
  const group = newGroup();
  const stores = [new MessageStore(), new MessageStore(), new MessageStore()];
  const topics = await Promise.all(stores.map((_, index) => client.createTopic({ partitions: 1 + index })));
  for (const [index, store] of stores.entries()) {
    void store.drain(await open(t, { store, group, params: { topics: [topics[index]!], from: "earliest" } }));
  }
  for (const topic of topics) await client.produce(topic, [{ value: topic, partition: 0 }]);
  await eventually(() =>
    assert.deepEqual(
      stores.map(({ values }) => values),
      topics.map((topic) => [topic]),
    ),
  );
});

test("an opening that is given up at any moment leaves no member, no timer and no error behind", { skip }, async () => {
  const kafka = await sharedKafka();
  const [topic, group] = [await kafka.client.createTopic(), newGroup()];
  const timersBefore = timers();
  for (let ms = 20; ms <= 250; ms += 10) {
    const context = { ...new MessageStore().context({ group }), signal: AbortSignal.timeout(ms) };
    const opening = openKafkaTrigger({ topics: [topic] }, connectionTo(kafka), context);
    await opening.then((stream) => stream.close({ deadlineMs: 0 })).catch(() => {});
  }
  await eventually(async () => assert.deepEqual(await kafka.client.members(group), []));
  await eventually(() => assert.ok(timers() <= timersBefore));
});

test("two members share a topic, one leaves: every message is stored once", { skip }, async (t) => {
  const { client } = await sharedKafka();
  const topic = await client.createTopic({ partitions: 4 });
  const [store, group] = [new MessageStore(), newGroup()];
  const params = { topics: [topic], from: "earliest" } as const;
  const first = await open(t, { store, group, params });
  void store.drain(first);
  const send = (from: number): Promise<void> =>
    client.produce(
      topic,
      Array.from({ length: 500 }, (_, n) => ({ value: String(from + n), partition: n % 4 })),
    );
  await send(0);
  const second = await open(t, { store, group, params });
  const drained = store.drain(second);
  await send(500);
  await eventually(() => assert.ok(store.stored.length >= 600));
  await second.close({ deadlineMs: 5_000 });
  await drained;
  await send(1_000);
  await eventually(() => assert.equal(store.stored.length, 1_500));
  assert.deepEqual(
    store.values.map(Number).toSorted((a, b) => a - b),
    Array.from({ length: 1_500 }, (_, n) => n),
  );
});

test("a login over SASL/PLAIN reads and publishes", { skip }, async (t) => {
  const kafka = await sharedKafka();
  if (kafka.saslUrl === null) return t.skip("the broker was started elsewhere");
  const topic = await kafka.client.createTopic();
  const connection: Connection = {
    id: "kafka_default",
    connType: "kafka",
    login: kafka.saslAccount.username,
    password: kafka.saslAccount.password,
    extra: { "bootstrap.servers": kafka.saslUrl, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN" },
  };
  const store = new MessageStore();
  const stream = await openKafkaTrigger({ topics: [topic] }, connection, store.context({ group: newGroup() }));
  t.after(() => stream.close({ deadlineMs: 0 }));
  void store.drain(stream);
  const silent = (): void => {};
  const publisher = new KafkaPublisher(connection, { debug: silent, info: silent, warn: silent, error: silent });
  t.after(() => publisher.close());
  await publisher.publish([{ id: "1", params: { topic }, body: Buffer.from("over SASL"), options: { key: "k", partition: 0 } }]);
  await eventually(() => assert.deepEqual(store.values, ["over SASL"]));
  return assert.equal(Buffer.from(store.stored[0]!.key!).toString(), "k");
});

test("a connection that lacks its servers, or says what is not known, is refused by name", async (t) => {
  const cases: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
    [{}, /"bootstrap.servers".*got none.*MILLRACE_CONN_KAFKA_DEFAULT/],
    [{ "bootstrap.servers": "localhost:1", "security.protocol": "TLS" }, /"security.protocol".*SASL_SSL, got "TLS"/],
    [{ "bootstrap.servers": "localhost:1", "security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI" }, /"sasl.mechanism".*got "GSSAPI"/],
    [{ "bootstrap.servers": "localhost:1", "security.protocol": "SASL_SSL" }, /"sasl.username".*got none/],
    [{ "bootstrap.servers": "localhost:1", "auto.offset.reset": "middle" }, /"auto.offset.reset".*got "middle"/],
    [
      { "bootstrap.servers": "localhost:1", "security.protocol": "SSL", "ssl.ca.location": "/nowhere/ca.pem" },
      /"ssl.ca.location".*got "\/nowhere\/ca.pem"/,
    ],
  ];
  for (const [extra, message] of cases) {
    await t.test(String(message), () =>
      assert.rejects(
        openKafkaTrigger({ topics: ["any"] }, { id: "kafka_default", connType: "kafka", extra }, new MessageStore().context()),
        {
          code: "CONNECTION_INVALID",
          message,
        },
      ),
    );
  }
});
