// A broker that is down when the engine starts, and is killed and started again twice in mid-load.
import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import { eventually, skipWithout, startFauxqs, startKafka } from "@millrace/test-services";
import { checkFlow, countEvents, type Flow, kafkaFlow, numbers, sqsFlow, startFlow } from "./flow-harness.ts";

interface Broker {
  kill(): Promise<void>;
  start(): Promise<void>;
}

const SHARE = 1_500;

async function killTwice(t: TestContext, broker: Broker, flow: Flow): Promise<void> {
  await broker.kill();
  const engine = await startFlow(t, flow);
  const health = () => engine.engine.triggerer.health()[0]!;
  await eventually(() => assert.match(health().lastError ?? "", /reach|ECONNREFUSED/));
  await broker.start();
  for (let killed = 0; killed < 2; killed += 1) {
    const before = killed * SHARE;
    await eventually(() => assert.equal(health().state, "streaming"), { withinMs: 60_000 });
    await flow.send(numbers(before, before + SHARE));
    await eventually(() => assert.ok(countEvents(engine) > before));
    await broker.kill();
    t.diagnostic(`killed after ${countEvents(engine)} events`);
    await eventually(() => assert.notEqual(health().state, "streaming"));
    await broker.start();
  }
  await flow.send(numbers(2 * SHARE, 3 * SHARE));
  await checkFlow(engine, flow, 3 * SHARE);
  assert.equal(health().lastError, null, "what is over is no error any more");
}

test(
  "Kafka: down at start, killed twice in mid-load: every record has one event, one finished run and a reply",
  { skip: skipWithout("kafka") },
  async (t) => {
    const kafka = await startKafka();
    t.after(() => kafka.stop());
    await killTwice(t, kafka, await kafkaFlow(kafka));
  },
);

test("SQS: down at start, killed twice in mid-load: every message has one event, one finished run and a reply", async (t) => {
  const sqs = await startFauxqs({ persistence: true });
  t.after(() => sqs.stop());
  await killTwice(t, sqs, await sqsFlow(sqs));
});
