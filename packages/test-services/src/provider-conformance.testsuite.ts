import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { TriggerKind } from "@millrace/sdk/provider";
import {
  CLOSE_MS,
  identityText,
  isStored,
  numbered,
  open,
  text,
  type ConformanceBroker,
  type ConformanceOptions,
  type ConformanceQueue,
} from "./conformance-broker.ts";
import { eventually } from "./eventually.ts";
import { MessageStore } from "./message-store.ts";
import { testProviderFailures } from "./provider-failures.testsuite.ts";

/** What every provider promises, shown on its real broker. */
export function testProviderConformance(name: string, options: ConformanceOptions): void {
  describe(`${name}: provider conformance`, { skip: options.skip }, () => {
    const kind = options.provider.triggers[options.kind]!;
    const destination = options.provider.destinations[options.kind]!;
    testDelivery(kind, options);
    testSettling(kind, options);
    testProviderFailures(kind, destination, options);
  });
}

function testDelivery(kind: TriggerKind, options: ConformanceOptions): void {
  test("every message is delivered once, with an identity of its own and the time it was sent", async (t) => {
    const broker = await options.shared();
    const queue = await broker.createQueue();
    const store = new MessageStore();
    const before = Date.now();
    const stream = await open(t, kind, broker, queue, store);
    const messages = numbered("message", 50);
    await queue.produce(messages);
    void store.drain(stream);
    await eventually(() => isStored(store, messages));
    assert.equal(new Set(store.stored.map(identityText)).size, 50);
    for (const { sentAt } of store.stored)
      assert.ok(sentAt !== null && sentAt >= before - 5_000 && sentAt <= Date.now() + 5_000, `sent at ${sentAt}`);
    assert.equal(store.duplicates, 0);
    assert.equal(store.events.states.at(-1), "streaming");
  });

  test("a backlog comes in batches of at most 1,000, never an empty one", async (t) => {
    const broker = await options.shared();
    const queue = await broker.createQueue();
    const store = new MessageStore();
    const stream = await open(t, kind, broker, queue, store);
    const messages = numbered("message", 2_500);
    await queue.produce(messages);
    const sizes: number[] = [];
    for await (const batch of stream) {
      sizes.push(batch.length);
      store.store(batch);
      void stream.settle(batch.map((message) => ({ message, outcome: "ack" })));
      if (store.stored.length >= messages.length) break;
    }
    isStored(store, messages);
    assert.ok(
      sizes.every((size) => size >= 1 && size <= 1_000),
      `sizes ${sizes.join(", ")}`,
    );
    assert.ok(sizes.length < messages.length / 4, `${sizes.length} batches for ${messages.length} messages`);
  });

  const payloads = { unicode: Buffer.from("żółć 水車 ｆｕｌｌ\n\ttab"), "200 kB": Buffer.alloc(200_000, "x"), ...options.payloads };
  for (const [what, value] of Object.entries(payloads)) {
    test(`a payload arrives byte for byte: ${what}`, async (t) => {
      const broker = await options.shared();
      const queue = await broker.createQueue();
      const store = new MessageStore();
      const stream = await open(t, kind, broker, queue, store);
      await queue.produce([{ value }, text("after it")]);
      void store.drain(stream);
      await eventually(() => assert.equal(store.stored.length, 2));
      const found = store.stored.map((message) => (message.value === null ? null : Buffer.from(message.value)));
      assert.ok(found.some((bytes) => (value === null ? bytes === null : bytes !== null && value.equals(bytes))));
    });
  }

  test("headers arrive as bytes, under their names", async (t) => {
    const broker = await options.shared();
    const queue = await broker.createQueue();
    const store = new MessageStore();
    const stream = await open(t, kind, broker, queue, store);
    const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", origin: "żółć" };
    await queue.produce([text("with headers", headers)]);
    void store.drain(stream);
    await eventually(() => assert.equal(store.stored.length, 1));
    const found = store.stored[0]!.headers.map(([name, bytes]) => [name, Buffer.from(bytes).toString("utf8")]);
    assert.deepEqual(Object.fromEntries(found), headers);
  });
}

function testSettling(kind: TriggerKind, options: ConformanceOptions): void {
  test("settlements may come late, one by one and in reverse; nothing of it comes again", async (t) => {
    const broker = await options.shared();
    const queue = await broker.createQueue();
    const store = new MessageStore();
    const stream = await open(t, kind, broker, queue, store);
    const messages = numbered("message", 30);
    await queue.produce(messages);
    for await (const batch of stream) {
      store.store(batch);
      if (store.stored.length >= messages.length) break;
    }
    const late = store.stored.toReversed();
    for (const message of late.slice(0, 5)) await stream.settle([{ message, outcome: "ack" }]);
    await stream.settle(late.slice(5).map((message, n) => ({ message, outcome: n % 2 === 0 ? "ack" : "reject" })));
    await stream.close({ deadlineMs: CLOSE_MS });
    const again = await open(t, kind, broker, queue, store);
    await queue.produce([text("the next")]);
    void store.drain(again);
    await eventually(() => assert.ok(store.values.includes("the next")));
    assert.equal(store.stored.length, 31);
    assert.equal(store.duplicates, 0);
  });

  test("a paused stream stops pulling and a resumed one gives everything", async (t) => {
    const broker = await options.shared();
    const queue = await broker.createQueue();
    const marker = await broker.createQueue();
    const [store, markerStore] = [new MessageStore(), new MessageStore()];
    const stream = await open(t, kind, broker, queue, store);
    void store.drain(stream);
    void markerStore.drain(await open(t, kind, broker, marker, markerStore));
    stream.pause();
    stream.pause();
    const messages = numbered("message", 3_000);
    await queue.produce(messages);
    await marker.produce([text("all of the others were sent before")]);
    await eventually(() => assert.equal(markerStore.stored.length, 1));
    assert.ok(store.stored.length <= 1_000, `${store.stored.length} of 3,000 messages were pulled while paused`);
    stream.resume();
    await eventually(() => isStored(store, messages));
  });

  test(options.hasLag ? "lag counts what waits in the broker" : "a broker without a count has no lag", async (t) => {
    const broker = await options.shared();
    const queue = await broker.createQueue();
    const store = new MessageStore();
    const stream = await open(t, kind, broker, queue, store);
    if (!options.hasLag) return assert.ok(!("lag" in stream));
    assert.equal(await stream.lag!(), 0);
    stream.pause();
    await queue.produce(numbered("message", 120));
    await eventually(async () => assert.equal(await stream.lag!(), 120));
    void store.drain(stream);
    stream.resume();
    return eventually(async () => assert.equal(await stream.lag!(), 0));
  });

  test("a close loses nothing: what was yielded is settled, the rest comes to the next stream, and nothing twice", async (t) => {
    const broker = await options.shared();
    const queue = await broker.createQueue();
    const store = new MessageStore();
    const first = await open(t, kind, broker, queue, store);
    const messages = numbered("message", 2_000);
    const drained = store.drain(first);
    const producing = queue.produce(messages);
    await eventually(() => assert.ok(store.stored.length > 20));
    await first.close({ deadlineMs: CLOSE_MS });
    await drained;
    await producing;
    const atClose = store.stored.length;
    assert.deepEqual(await first[Symbol.asyncIterator]().next(), { done: true, value: undefined });
    await first.close({ deadlineMs: 0 });
    void store.drain(await open(t, kind, broker, queue, store));
    await eventually(() => isStored(store, messages));
    assert.equal(store.duplicates, 0, `stored ${atClose} before the close`);
  });

  test("a consumer killed before it settled: its messages come again, with the same identities", async (t) => {
    const broker = await options.shared();
    const queue = await broker.createQueue();
    const store = new MessageStore();
    await (await open(t, kind, broker, queue, store)).close({ deadlineMs: 0 });
    await queue.produce(numbered("message", 5));
    const seen = await consumeAndDie(t, options, broker, queue, store);
    assert.ok(seen.length > 0);
    void store.drain(await open(t, kind, broker, queue, store));
    await eventually(() => assert.equal(store.stored.length, 5));
    const identities = new Set(store.stored.map(identityText));
    for (const identity of seen) assert.ok(identities.has(identity), `${identity} did not come again`);
  });
}

/** A process that receives, settles nothing and is killed: the identities it saw. */
async function consumeAndDie(
  t: TestContext,
  options: ConformanceOptions,
  broker: ConformanceBroker,
  queue: ConformanceQueue,
  store: MessageStore,
): Promise<string[]> {
  const starts = store.sources.map((source) => [
    source,
    [...store.positions(source)].map(([partition, next]) => [partition, String(next)]),
  ]);
  const task = {
    kind: options.kind,
    provider: options.providerUrl,
    params: queue.triggerParams,
    connection: broker.connection,
    group: `group-${queue.name}`,
    starts,
  };
  const script = fileURLToPath(new URL("unsettling-consumer.ts", import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(task)], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  for await (const line of createInterface({ input: child.stdout })) {
    child.kill("SIGKILL");
    return JSON.parse(line) as string[];
  }
  throw new Error("the consumer ended without a message");
}
