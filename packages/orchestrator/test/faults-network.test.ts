// The network between engine and broker is cut in the middle of batches: reset, and without a word.
import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import { eventually, findFreePorts, sharedFauxqs, skipWithout, startKafka, TcpProxy } from "@millrace/test-services";
import { checkFlow, countEvents, type Flow, kafkaFlow, numbers, sqsFlow, startFlow } from "./flow-harness.ts";

const SHARE = 1_500;
/** An address of this machine on which the proxy has the port that the broker has on another. */
const PROXY_HOST = "127.0.0.2";

async function cutTwice(t: TestContext, proxy: TcpProxy, flow: Flow): Promise<void> {
  const engine = await startFlow(t, flow);
  for (const [index, cut] of [() => proxy.cut(), () => proxy.silence()].entries()) {
    const before = index * SHARE;
    await flow.send(numbers(before, before + SHARE));
    await eventually(() => assert.ok(countEvents(engine) > before), { withinMs: 60_000 });
    cut();
    t.diagnostic(`cut after ${countEvents(engine)} events`);
    await eventually(() => assert.notEqual(engine.engine.triggerer.health()[0]!.state, "streaming"), { withinMs: 90_000 });
    proxy.heal();
  }
  await flow.send(numbers(2 * SHARE, 3 * SHARE));
  await checkFlow(engine, flow, 3 * SHARE);
}

test("Kafka: a network that is cut, then silent, loses no record and doubles none", { skip: skipWithout("kafka") }, async (t) => {
  const [port] = await findFreePorts(1);
  const listener = { name: "CUT", protocol: "PLAINTEXT", advertisedHost: PROXY_HOST, port: port! };
  const kafka = await startKafka(async () => ({ listeners: [listener], properties: {}, formatArguments: [] }));
  t.after(() => kafka.stop());
  const proxy = await TcpProxy.start(port!, { host: PROXY_HOST, port: port! });
  t.after(() => proxy.stop());
  await cutTwice(t, proxy, await kafkaFlow(kafka, `${PROXY_HOST}:${port}`));
  assert.ok(proxy.connections > 0, "all of it went through the proxy");
});

test("SQS: a network that is cut, then silent, loses no message and doubles none", async (t) => {
  const sqs = await sharedFauxqs();
  const proxy = await TcpProxy.start(Number(new URL(sqs.url).port));
  t.after(() => proxy.stop());
  await cutTwice(t, proxy, await sqsFlow(sqs, `http://${proxy.host}:${proxy.port}`));
});
