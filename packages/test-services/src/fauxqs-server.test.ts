import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedFauxqs, startFauxqs } from "./index.ts";

test("fauxqs takes messages and gives them back once", async () => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const bodies = Array.from({ length: 23 }, (_, n) => `message ${n}`);
  await sqs.send(queue, bodies);
  assert.deepEqual(await sqs.count(queue), { visible: 23, inFlight: 0 });
  const received = await sqs.receive(queue);
  assert.deepEqual(new Set(received.map((message) => message.Body)), new Set(bodies));
  assert.equal(received.length, bodies.length);
  assert.deepEqual(await sqs.count(queue), { visible: 0, inFlight: 0 });
});

test("a killed fauxqs with persistence starts again on the same port with its messages", async (t) => {
  const sqs = await startFauxqs({ persistence: true });
  t.after(() => sqs.stop());
  const queue = await sqs.createQueue({ name: "kept.fifo" });
  await sqs.send(queue, [{ body: "one", groupId: "g", deduplicationId: "1" }]);
  await sqs.kill();
  await sqs.start();
  const received = await sqs.receive(queue);
  assert.deepEqual(
    received.map((message) => message.Body),
    ["one"],
  );
});
