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

const ROOT = join(import.meta.dirname, "../..");
const BLOCKS = markdownBlocks(join(import.meta.dirname, "README.md")).filter(({ language }) => language === "sh");

function run(script: string, environment: NodeJS.ProcessEnv = {}): string {
  const env = { ...process.env, ...environment };
  const { status, stdout, stderr } = spawnSync("sh", ["-euc", script], { cwd: ROOT, env, encoding: "utf8" });
  assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
  return stdout;
}

test("the README's first command works as it is written", () => {
  assert.match(run(BLOCKS[0]!.text), /a message came.*Ada/);
});

test("the README's connection, record and commands work as they are written", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await startKafka();
  t.after(() => kafka.stop());
  await kafka.client.createTopic({ name: "hello", partitions: 1 });
  const [, start, send, look] = BLOCKS.map(({ text }) => text) as [string, string, string, string];
  const [, connection] = /^export MILLRACE_CONN_KAFKA_DEFAULT='(.*)'$/m.exec(start)!;
  const local = connection!.replace("localhost:9092", kafka.url);
  assert.notEqual(local, connection);
  const { server } = await startExample(t, "hello-kafka", { MILLRACE_CONN_KAFKA_DEFAULT: local });
  const environment = { MILLRACE_SERVER: server.address, MILLRACE_TOKEN: server.token };
  run(send, environment);
  await eventually(() => assert.match(run(look, environment), /success[^]*a message came {"payload":{"name":"Ada"}}/));
});
