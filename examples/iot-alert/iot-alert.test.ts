import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, type FauxqsServer, skipWithout, startFauxqs, startKafka } from "@millrace/test-services";
import { markdownBlocks } from "../../scripts/markdown-blocks.ts";
import { type RunningExample, startExample } from "../../scripts/start-example.ts";

const at = (second: number): string => `2026-11-21T12:00:${String(second).padStart(2, "0")}Z`;

/** Cool, at the bound, warm, half way to critical, above it, critical; and one that is no reading. */
const READINGS = [20, 60, 60.5, 80, 80.4, 100, "n/a"].map((celsius, second) => ({ sensor: `oven-${second}`, celsius, at: at(second) }));
const ALERTS = [
  { sensor: "oven-4", at: at(4), risk: 0.51 },
  { sensor: "oven-5", at: at(5), risk: 1 },
];

/** Its polls are short, so that a stop is quick. */
function sqsConnection(sqs: FauxqsServer): string {
  const connection = sqs.connection();
  return JSON.stringify({ ...connection, extra: { ...connection.extra, wait_time_seconds: 1 } });
}

/** Two are filtered, four are evaluated, one is a dead letter. */
async function checkRuns(example: RunningExample, dagId: string): Promise<void> {
  await eventually(async () => {
    const states = (await example.runs(dagId)).map(({ state }) => state);
    assert.deepEqual(states, ["success", "success", "success", "success"]);
  });
  type Events = { asset_events: { payload: { celsius: number }; created_dagruns: unknown[] }[] };
  const { asset_events: events } = await example.server.get<Events>("/assets/events");
  const filtered = events.filter(({ created_dagruns: made }) => made.length === 0);
  assert.equal(events.length, 6);
  assert.deepEqual(new Set(filtered.map(({ payload }) => payload.celsius)), new Set([20, 60]));
  const { dead_letters: letters } = await example.server.get<{ dead_letters: { reason: string }[] }>("/deadLetters");
  assert.equal(letters.length, 1);
  assert.match(letters[0]!.reason, /'celsius' must be number/);
}

function checkAlerts(bodies: readonly string[]): void {
  const alerts = bodies.map((body) => JSON.parse(body) as { sensor: string; at: string; risk: number });
  const rounded = alerts.map(({ risk, ...alert }) => ({ ...alert, risk: Math.round(risk * 100) / 100 }));
  assert.deepEqual(
    rounded.sort((a, b) => (a.at < b.at ? -1 : 1)),
    ALERTS,
  );
}

test("readings on an SQS queue bring alerts on another", async (t) => {
  const sqs = await startFauxqs();
  t.after(() => sqs.stop());
  const [readings, alerts] = [await sqs.createQueue({ name: "iot-readings" }), await sqs.createQueue({ name: "iot-alerts" })];
  const example = await startExample(t, "iot-alert/sqs.ts", { MILLRACE_CONN_AWS_DEFAULT: sqsConnection(sqs) });
  await sqs.send(
    readings,
    READINGS.map((reading) => JSON.stringify(reading)),
  );
  await checkRuns(example, "iot_alert_sqs");
  await eventually(async () => assert.ok((await sqs.count(alerts)).visible >= ALERTS.length));
  await example.server.stop();
  checkAlerts((await sqs.receive(alerts)).map(({ Body }) => Body!));
});

test("readings on a Kafka topic bring alerts on another", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await startKafka();
  t.after(() => kafka.stop());
  for (const name of ["iot-readings", "iot-alerts"]) await kafka.client.createTopic({ name, partitions: 2 });
  const connection = JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": kafka.url } });
  const example = await startExample(t, "iot-alert/kafka.ts", { MILLRACE_CONN_KAFKA_DEFAULT: connection });
  await kafka.client.produce(
    "iot-readings",
    READINGS.map((reading) => JSON.stringify(reading)),
  );
  await checkRuns(example, "iot_alert_kafka");
  await eventually(async () => assert.ok((await kafka.client.read("iot-alerts")).length >= ALERTS.length));
  await example.server.stop();
  checkAlerts((await kafka.client.read("iot-alerts")).map(({ value }) => String(value)));
});

test("the README's reading is evaluated without a server", () => {
  const [tryIt] = markdownBlocks(join(import.meta.dirname, "README.md"));
  const { status, stdout, stderr } = spawnSync("sh", ["-euc", tryIt!.text], { cwd: join(import.meta.dirname, "../.."), encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /oven-3/);
});

test("the whole examples folder loads, so no two examples collide", async (t) => {
  const sqs = await startFauxqs();
  t.after(() => sqs.stop());
  for (const name of ["hello", "iot-readings"]) await sqs.createQueue({ name });
  const kafka = { conn_type: "kafka", extra: { "bootstrap.servers": "127.0.0.1:1" } };
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()), MILLRACE_CONN_KAFKA_DEFAULT: JSON.stringify(kafka) };
  const { server } = await startExample(t, "", environment, { needsWatchers: false });
  const { dags } = await server.get<{ dags: { dag_id: string }[] }>("/dags");
  assert.deepEqual(
    dags.map(({ dag_id: id }) => id),
    [
      "check_order",
      "genai",
      "hello_kafka",
      "hello_sqs",
      "inference_kafka",
      "inference_sqs",
      "iot_alert_kafka",
      "iot_alert_sqs",
      "load_sales",
      "summarize_sales",
    ],
  );
});
