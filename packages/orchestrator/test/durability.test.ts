// P1 down to the disk: the system calls of a server in their order. What is synced before the broker is told outlives a power loss.
import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually, sharedFauxqs, sharedKafka, skipWithout, startPostgres, Strace, type SystemCall } from "@millrace/test-services";
import { makeProject, type ServerProcess } from "./standalone-process.ts";

const PAYLOAD = "a payload to be found again";
const OFFSET_COMMIT = 8;

async function startTraced(
  t: TestContext,
  watcher: string,
  environment: Record<string, string>,
): Promise<{ readonly trace: Strace; readonly server: ServerProcess }> {
  const project = makeProject(t, {
    "d.ts": `import { defineAsset, defineDag } from "@millrace/sdk"; import { kafkaTrigger } from "@millrace/kafka"; import { sqsTrigger } from "@millrace/sqs";
const a = defineAsset("a", { watchers: { w: ${watcher} } });
export default defineDag("d", { schedule: a }, (dag) => { dag.task("t", () => 1); });`,
  });
  const trace = new Strace(project.folder);
  return { trace, server: await project.start({ node: trace.node, environment }) };
}

/** The write-ahead log gets the message's row, then it is synced, and then only is the broker told. */
function checkOrder(calls: readonly SystemCall[], isAcknowledgement: (call: SystemCall) => boolean): void {
  const log = calls.map((call, index) => ({ ...call, index })).filter(({ path }) => path.endsWith("/millrace.db-wal"));
  const written = log.find(({ name, data }) => name === "pwrite64" && data.includes(PAYLOAD))?.index ?? -1;
  assert.notEqual(written, -1, "the message's row is written to the write-ahead log");
  const synced = log.find(({ name, index }) => index > written && ["fsync", "fdatasync"].includes(name))?.index ?? -1;
  assert.notEqual(synced, -1, "the write-ahead log is synced after it");
  const acknowledged = calls.findIndex((call) => isAcknowledgement(call));
  assert.notEqual(acknowledged, -1, "the message is acknowledged");
  assert.ok(synced < acknowledged, `synced as call ${synced}, acknowledged as call ${acknowledged}`);
}

test("SQS: a message is deleted after its row is on disk", { skip: skipWithout("strace") }, async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) };
  const { trace, server } = await startTraced(t, `sqsTrigger({ queueUrl: "${queue}" })`, environment);
  await sqs.send(queue, [JSON.stringify(PAYLOAD)]);
  await eventually(async () => assert.deepEqual(await sqs.count(queue), { visible: 0, inFlight: 0 }), { withinMs: 60_000 });
  assert.equal(await server.stop(), 0);
  checkOrder(trace.read(), ({ data }) => data.includes("AmazonSQS.DeleteMessage"));
});

test(
  "Kafka: an offset is committed after the record's row is on disk",
  { skip: skipWithout("strace") || skipWithout("kafka") },
  async (t) => {
    const kafka = await sharedKafka();
    const topic = await kafka.client.createTopic();
    const group = `durability-${topic}`;
    const environment = { MILLRACE_CONN_KAFKA_DEFAULT: JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": kafka.url } }) };
    const { trace, server } = await startTraced(t, `kafkaTrigger({ topics: ["${topic}"], groupId: "${group}" })`, environment);
    const committed = async (): Promise<bigint | undefined> => (await kafka.client.committed(group)).get(`${topic}:0`);
    // Where a new group begins is committed before anything is read.
    await eventually(async () => assert.equal(await committed(), 0n), { withinMs: 60_000 });
    const before = trace.read().length;
    await kafka.client.produce(topic, [JSON.stringify(PAYLOAD)]);
    await eventually(async () => assert.equal(await committed(), 1n), { withinMs: 60_000 });
    assert.equal(await server.stop(), 0);
    checkOrder(trace.read().slice(before), (call) => apiKeysOf(call).includes(OFFSET_COMMIT));
  },
);

test(
  "PostgreSQL: a message is deleted after the database has synced its log and said so",
  { skip: skipWithout("strace") || skipWithout("postgres") },
  async (t) => {
    const postgres = await startPostgres({ isDurable: true });
    t.after(() => postgres.stop());
    const sqs = await sharedFauxqs();
    const queue = await sqs.createQueue();
    const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()), MILLRACE_DB_URL: postgres.url() };
    const folder = mkdtempSync(join(tmpdir(), "millrace-strace-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const database = new Strace(folder);
    const detach = await database.attach(postgres.pid);
    const { trace, server } = await startTraced(t, `sqsTrigger({ queueUrl: "${queue}" })`, environment);
    await sqs.send(queue, [JSON.stringify(PAYLOAD)]);
    await eventually(async () => assert.deepEqual(await sqs.count(queue), { visible: 0, inFlight: 0 }), { withinMs: 60_000 });
    assert.equal(await server.stop(), 0);
    await detach();
    const calls = database.read();
    const from = (start: number, isIt: (call: SystemCall) => boolean): number =>
      calls.findIndex((call, index) => index >= start && isIt(call));
    const isLog = ({ path }: SystemCall): boolean => path.includes("/pg_wal/");
    const written = from(0, (call) => isLog(call) && call.data.includes(PAYLOAD));
    assert.notEqual(written, -1, "the message's row is written to the log");
    const synced = from(written, (call) => isLog(call) && ["fsync", "fdatasync"].includes(call.name));
    assert.notEqual(synced, -1, "the log is synced after it");
    const answered = from(synced, ({ name, data }) => name === "sendto" && data.includes("COMMIT\0"));
    assert.notEqual(answered, -1, "the commit is answered after that");
    const acknowledged = trace.read().find(({ data }) => data.includes("AmazonSQS.DeleteMessage"));
    assert.ok(calls[answered]!.at < acknowledged!.at, `answered at ${calls[answered]!.at}, acknowledged at ${acknowledged!.at}`);
  },
);

/** Of the requests to Kafka that a call sends, each with its length before it. */
function apiKeysOf({ path, data }: SystemCall): readonly number[] {
  const keys: number[] = [];
  if (!path.startsWith("socket:")) return keys;
  for (let at = 0; at + 6 <= data.length; at += 4 + data.readUInt32BE(at)) keys.push(data.readUInt16BE(at + 4));
  return keys;
}
