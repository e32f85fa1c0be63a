// DAG files that change under load: watchers move, versions pile up, files go and come back.
import { strict as assert } from "node:assert";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, sharedFauxqs, sharedKafka, skipWithout } from "@millrace/test-services";
import { type EngineHarness, startEngine } from "./engine-harness.ts";

const head = `import { defineAsset, defineDag } from "@millrace/sdk"; import { kafkaTrigger } from "@millrace/kafka"; import { sqsTrigger } from "@millrace/sqs"; import { existsSync } from "node:fs";\n`;
const watching = (asset: string, watcher: string, body = "({ event }) => event.payload"): string =>
  `${head}const a = defineAsset("${asset}", { watchers: { w: ${watcher} } }); export default defineDag("d", { schedule: a }, (dag) => { dag.task("t", ${body}); });`;
const one = ({ db }: EngineHarness, sql: string): unknown => db.prepare(sql).pluck().get();

/** Sends while the file is saved in turn with each of `texts`; then every message has one event and one finished run. */
async function changeWhileFlowing(
  engine: EngineHarness,
  texts: readonly string[],
  send: (values: readonly string[]) => Promise<void>,
): Promise<void> {
  const total = texts.length * 150;
  const values = Array.from({ length: total }, (_, n) => String(n));
  for (let at = 0; at < total; at += 50) {
    const sending = send(values.slice(at, at + 50));
    if (at % 150 === 0) {
      writeFileSync(join(engine.dags, "d.ts"), texts[(at / 150) % texts.length]!);
      await engine.engine.loader.load();
    }
    await sending;
  }
  await eventually(
    () => {
      assert.equal(one(engine, "SELECT count(DISTINCT payload) FROM asset_event"), total);
      assert.equal(one(engine, "SELECT count(*) FROM dag_run WHERE state = 10"), total);
    },
    { withinMs: 25_000 },
  );
  assert.equal(one(engine, "SELECT count(*) FROM asset_event"), total, "none twice");
}

test("SQS: a watcher's trigger changes and its asset is renamed while messages flow; none is lost, none waits for the old stream", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue({ attributes: { VisibilityTimeout: "600" } });
  const trigger = (seconds: number): string => `sqsTrigger({ queueUrl: "${queue}", waitTimeSeconds: ${seconds} })`;
  const texts = [watching("a", trigger(1)), watching("a", trigger(2)), watching("renamed", trigger(2)), watching("renamed", trigger(1))];
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) };
  const engine = await startEngine(t, { environment, files: { "d.ts": texts[0]! } });
  await changeWhileFlowing(engine, texts, (values) => sqs.send(queue, values));
});

test("Kafka: topics are added and taken away while records flow", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await sharedKafka();
  const [topic, other] = [await kafka.client.createTopic({ partitions: 2 }), await kafka.client.createTopic()];
  const trigger = (topics: readonly string[]): string => `kafkaTrigger({ topics: ${JSON.stringify(topics)}, from: "earliest" })`;
  const texts = [watching("a", trigger([topic])), watching("a", trigger([topic, other]))];
  const environment = { MILLRACE_CONN_KAFKA_DEFAULT: JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": kafka.url } }) };
  const engine = await startEngine(t, { environment, files: { "d.ts": texts[0]! } });
  let sent = 0;
  await changeWhileFlowing(engine, texts, (values) =>
    kafka.client.produce(
      topic,
      values.map((value) => ({ value, partition: sent++ % 2 })),
    ),
  );
});

test("runs end on the version they began with, though their file is saved forty times, deleted and restored", async (t) => {
  const version = (n: number): string =>
    `${head}export default defineDag("d", {}, (dag) => { const wait = dag.task("wait", async () => { while (!existsSync(new URL("../gate", import.meta.url))) await new Promise((resolve) => setTimeout(resolve, 20)); return ${n}; }); dag.task("t", { needs: { wait } }, ({ wait }) => [wait, ${n}]); });`;
  const engine = await startEngine(t, { files: { "d.ts": version(0) } });
  const file = join(engine.dags, "d.ts");
  const runs: number[] = [];
  for (let n = 0; n < 40; n += 1) {
    writeFileSync(file, version(n));
    if (n % 8 === 0) {
      await engine.engine.loader.load();
      runs.push(await engine.create("d"));
    }
  }
  rmSync(file);
  await engine.engine.loader.load();
  await assert.rejects(engine.create("d"), /no DAG 'd' is loaded/);
  writeFileSync(join(engine.home, "gate"), "");
  const values = await Promise.all(runs.map(async (id) => (await engine.ended(id)).tasks.map(({ value }) => value)));
  assert.deepEqual(
    values,
    [0, 8, 16, 24, 32].map((n) => [n, [n, n]]),
  );
  assert.ok(existsSync(join(engine.home, "gate")));
  writeFileSync(file, version(7));
  await engine.engine.loader.load();
  assert.deepEqual((await engine.run("d")).tasks[1]!.value, [7, 7]);
});
