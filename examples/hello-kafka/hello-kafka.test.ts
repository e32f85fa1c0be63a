import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, skipWithout, startKafka } from "@millrace/test-services";
import { markdownBlocks } from "../../scripts/markdown-blocks.ts";
import { startExample } from "../../scripts/start-example.ts";

const printed = (payload: unknown): object => ({ event: "a message came", payload });

test("a record on the topic is printed", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await startKafka();
  t.after(() => kafka.stop());
  await kafka.client.createTopic({ name: "hello", partitions: 2 });
  const connection = JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": kafka.url } });
  const server = await startExample(t, "hello-kafka", { MILLRACE_CONN_KAFKA_DEFAULT: connection });
  await kafka.client.produce("hello", ["hello", JSON.stringify({ name: "Ada" })]);
  await eventually(async () => {
    const lines = await server.logged("hello_kafka", "print");
    assert.deepEqual(new Set(lines), new Set([printed("hello"), printed({ name: "Ada" })]));
  });
});

test("the README's first command works as it is written", () => {
  const [tryIt] = markdownBlocks(join(import.meta.dirname, "README.md"));
  const { status, stdout, stderr } = spawnSync("sh", ["-euc", tryIt!.text], { cwd: join(import.meta.dirname, "../.."), encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /a message came.*Ada/);
});
