import assert from "node:assert/strict";
import { test } from "node:test";
import { TriggerError, type DestinationKind, type TriggerKind } from "@millrace/sdk/provider";
import {
  isStored,
  keepDraining,
  numbered,
  open,
  openPublisher,
  outbound,
  outcomesOf,
  sorted,
  type ConformanceOptions,
} from "./conformance-broker.ts";
import { eventually } from "./eventually.ts";
import { MessageStore } from "./message-store.ts";

/** What providers promise when something is wrong, and of publishing. */
export function testProviderFailures(kind: TriggerKind, destination: DestinationKind, options: ConformanceOptions): void {
  testFailures(kind, destination, options);
  testRestarts(kind, destination, options);
  testPublishing(destination, options);
}

function testFailures(kind: TriggerKind, destination: DestinationKind, options: ConformanceOptions): void {
  const refuses = (code: string, pattern: RegExp) => (error: unknown) => {
    assert.ok(error instanceof TriggerError, `expected a TriggerError, got ${String(error)}`);
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };

  test("a queue that does not exist is refused by name, with what to do", async () => {
    const { missing, connection } = await options.shared();
    await assert.rejects(
      kind.open(missing.triggerParams, connection, new MessageStore().context()),
      refuses(options.missingCode, new RegExp(`${missing.name}.*create it`)),
    );
  });

  test("publishing to a queue that does not exist is to be tried again, and says why", async (t) => {
    const broker = await options.shared();
    const publisher = await openPublisher(t, destination, broker);
    const [result] = await publisher.publish(outbound(broker.missing, ["lost?"]));
    assert.equal(result?.outcome, "retry");
    assert.match((result as { reason: string }).reason, new RegExp(broker.missing.name));
  });

  test("a wrong login is refused, with what to do", async (t) => {
    const { wrongLogin, missing } = await options.shared();
    if (wrongLogin === undefined) return t.skip("this broker checks no logins");
    return assert.rejects(
      kind.open(missing.triggerParams, wrongLogin, new MessageStore().context()),
      refuses("AUTHENTICATION_FAILED", /login|credentials/),
    );
  });

  test("equal params have one canonical form, others another", async () => {
    const broker = await options.shared();
    const [a, b] = [await broker.createQueue(), await broker.createQueue()];
    const shuffled = Object.fromEntries(Object.entries(a.triggerParams).toReversed());
    assert.equal(kind.canonical(a.triggerParams), kind.canonical(shuffled));
    assert.notEqual(kind.canonical(a.triggerParams), kind.canonical(b.triggerParams));
    assert.notEqual(destination.lane(a.destinationParams), destination.lane(b.destinationParams));
  });
}

function testRestarts(kind: TriggerKind, destination: DestinationKind, options: ConformanceOptions): void {
  test("a broker that is down, comes up, is killed, comes back and is killed for good: refused, served, nothing lost, closed", async (t) => {
    const broker = await options.own(t);
    const queue = await broker.createQueue();
    const store = new MessageStore();
    await (await open(t, kind, broker, queue, store)).close({ deadlineMs: 0 });
    await broker.kill();
    await assert.rejects(
      kind.open(queue.triggerParams, broker.connection, store.context({ group: `group-${queue.name}` })),
      (error) => error instanceof TriggerError && error.code === "BROKER_UNREACHABLE",
    );
    const publisher = await openPublisher(t, destination, broker);
    const down = await publisher.publish(outbound(queue, ["while down"])).catch(() => [{ outcome: "retry" as const, reason: "" }]);
    assert.deepEqual(outcomesOf(down), ["retry"]);

    await broker.start();
    const stop = keepDraining(t, kind, broker, queue, store);
    const messages = numbered("first", 200);
    await queue.produce(messages);
    await eventually(() => isStored(store, messages), { withinMs: 60_000 });
    await broker.kill();
    await eventually(() =>
      assert.ok(store.events.states.includes("reconnecting") || store.events.states.filter((state) => state === "connecting").length > 2),
    );
    await broker.start();
    const more = numbered("second", 200);
    await queue.produce(more);
    await eventually(() => isStored(store, [...messages, ...more]), { withinMs: 90_000 });
    const again = await eventually(async () => {
      const results = await publisher.publish(outbound(queue, ["once more"]));
      assert.deepEqual(outcomesOf(results), ["sent"]);
      return results;
    });
    assert.equal(again.length, 1);
    await eventually(() => assert.ok(store.values.includes("once more")));
    // A close needs no broker, and leaves nothing behind that would keep this process alive.
    await broker.kill();
    await stop();
  });
}

function testPublishing(destination: DestinationKind, options: ConformanceOptions): void {
  test("what is published lies in the queue, with its body, headers and a stable id", async (t) => {
    const broker = await options.shared();
    const queue = await broker.createQueue();
    const publisher = await openPublisher(t, destination, broker);
    const bodies = Array.from({ length: 25 }, (_, n) => `alert ${n} 水車`);
    const messages = outbound(queue, bodies).map((message) => ({ ...message, options: { headers: { origin: "test" } } }));
    assert.deepEqual(
      outcomesOf(await publisher.publish(messages)),
      bodies.map(() => "sent"),
    );
    const found = await eventually(async () => {
      const all = await queue.read();
      assert.equal(all.length, bodies.length);
      return all;
    });
    assert.deepEqual(sorted(found.map(({ value }) => String(value))), sorted(bodies));
    for (const { value, headers } of found)
      assert.deepEqual(headers, { origin: "test", "millrace-message-id": `outbox-${bodies.indexOf(String(value))}` });
  });

  test("a message the broker never takes is rejected alone", async (t) => {
    const broker = await options.shared();
    const queue = await broker.createQueue();
    const publisher = await openPublisher(t, destination, broker);
    const results = await publisher.publish(outbound(queue, ["before", options.rejectedBody, "after"]));
    assert.deepEqual(outcomesOf(results), ["sent", "rejected", "sent"]);
    const found = await eventually(async () => {
      const all = await queue.read();
      assert.equal(all.length, 2);
      return all;
    });
    assert.deepEqual(sorted(found.map(({ value }) => String(value))), ["after", "before"]);
  });
}
