import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, skipWithout, startFauxqs, startKafka } from "@millrace/test-services";
import { parse } from "csv-parse/sync";
import { markdownBlocks } from "../../scripts/markdown-blocks.ts";
import { type RunningExample, startExample } from "../../scripts/start-example.ts";
import stored from "./model/model.json" with { type: "json" };
import type { Layer } from "./model/predict.ts";
import { simulate } from "./model/simulate.ts";
import { train } from "./model/train.ts";

const CSV = readFileSync(join(import.meta.dirname, "model/bearings.csv"), "utf8");
const README = join(import.meta.dirname, "README.md");

interface Row {
  readonly id: string;
  readonly measurements: Readonly<Record<string, number>>;
  readonly condition: string;
}

/** Every third row of the data set. */
const ROWS: readonly Row[] = parse<Record<string, string>>(CSV, { columns: true })
  .filter((_, index) => index % 3 === 0)
  .map(({ condition, ...measurements }, index) => ({
    id: `request-${index}`,
    measurements: Object.fromEntries(Object.entries(measurements).map(([name, text]) => [name, Number(text)])),
    condition: condition!,
  }));
/** The last one says not even whom to answer. */
const BAD_REQUESTS = [{ id: "no-numbers", measurements: { rpm: "fast" } }, { id: "nothing" }, { measurements: {} }];
const REQUESTS = [...ROWS.map(({ id, measurements }) => ({ id, measurements })), ...BAD_REQUESTS].map((request) => JSON.stringify(request));

interface Reply {
  readonly id: string;
  readonly condition?: string;
  readonly probability?: number;
  readonly error?: string;
}

test("the data and the model are what their scripts make, and the model is as good as the README says", () => {
  assert.equal(simulate(), CSV);
  const { model, accuracy } = train(CSV);
  const numbers = ({ hidden, output }: { readonly hidden: Layer; readonly output: Layer }): readonly number[] =>
    [hidden, output].flatMap(({ weights, bias }) => [...weights.flat(), ...bias]);
  const expected = numbers(stored);
  // Another machine's Math.exp may differ in its last digit.
  for (const [index, weight] of numbers(model).entries()) assert.ok(Math.abs(weight - expected[index]!) < 1e-4, `weight ${index}`);
  const [, written] = /(\d+\.\d) % of the rows/.exec(readFileSync(README, "utf8"))!;
  assert.equal((100 * accuracy).toFixed(1), written);
  assert.ok(accuracy > 0.9);
});

function checkReplies(replies: readonly { readonly correlationId: string | undefined; readonly body: string }[]): void {
  const bodies = replies.map(({ body }) => JSON.parse(body) as Reply);
  assert.deepEqual(
    replies.map(({ correlationId }) => correlationId),
    bodies.map(({ id }) => id),
  );
  const byId = new Map(bodies.map((reply) => [reply.id, reply]));
  assert.equal(byId.size, ROWS.length + 2);
  const hits = ROWS.filter(({ id, condition }) => byId.get(id)!.condition === condition);
  assert.ok(hits.length / ROWS.length > 0.9, `${hits.length} of ${ROWS.length}`);
  assert.match(byId.get("no-numbers")!.error!, /expected number, received string\n +→ at rpm/);
  assert.match(byId.get("nothing")!.error!, /expected object, received undefined/);
}

async function checkRuns(example: RunningExample, dagId: string): Promise<void> {
  const runs = (await example.runs(dagId)) as readonly { readonly state: string; readonly logical_date?: string | null }[];
  assert.equal(runs.length, ROWS.length + 2);
  for (const run of runs) assert.deepEqual([run.state, run.logical_date], ["success", null]);
  const { dead_letters: letters } = await example.server.get<{ dead_letters: { reason: string }[] }>("/deadLetters");
  assert.deepEqual(
    letters.map(({ reason }) => /'id'/.test(reason)),
    [true],
  );
}

test("many requests on an SQS queue get their replies on another, with the correlation id", async (t) => {
  const sqs = await startFauxqs();
  t.after(() => sqs.stop());
  const requests = await sqs.createQueue({ name: "inference-requests" });
  const queue = await sqs.createQueue({ name: "inference-replies" });
  const aws = sqs.connection();
  const connection = JSON.stringify({ ...aws, extra: { ...aws.extra, wait_time_seconds: 1 } });
  await sqs.send(requests, REQUESTS);
  const example = await startExample(t, "inference/sqs.ts", { MILLRACE_CONN_AWS_DEFAULT: connection });
  await eventually(async () => assert.ok((await sqs.count(queue)).visible >= ROWS.length + 2));
  await eventually(async () => checkRuns(example, "inference_sqs"));
  const messages = await sqs.receive(queue);
  checkReplies(
    messages.map((message) => ({ correlationId: message.MessageAttributes?.["correlation-id"]?.StringValue, body: message.Body! })),
  );
});

test("many requests on a Kafka topic get their replies on another, with the correlation id", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await startKafka();
  t.after(() => kafka.stop());
  for (const name of ["inference-requests", "inference-replies"]) await kafka.client.createTopic({ name, partitions: 2 });
  const connection = JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": kafka.url } });
  const example = await startExample(t, "inference/kafka.ts", { MILLRACE_CONN_KAFKA_DEFAULT: connection });
  await kafka.client.produce("inference-requests", REQUESTS);
  await eventually(async () => checkRuns(example, "inference_kafka"));
  const records = await eventually(async () => {
    const read = await kafka.client.read("inference-replies");
    assert.ok(read.length >= ROWS.length + 2);
    return read;
  });
  checkReplies(records.map(({ headers, value }) => ({ correlationId: headers["correlation-id"], body: String(value) })));
});

test("the README's request is answered without a server", () => {
  const [tryIt] = markdownBlocks(README);
  const { status, stdout, stderr } = spawnSync("sh", ["-euc", tryIt!.text], { cwd: join(import.meta.dirname, "../.."), encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /publishes.*"correlation-id".*"condition":"failing"/);
});
