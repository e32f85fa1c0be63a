// Messages through a whole engine, from a real broker to another queue of it, and what is counted afterwards.
import { strict as assert } from "node:assert";
import type { TestContext } from "node:test";
import { eventually, type FauxqsServer, type KafkaServer } from "@millrace/test-services";
import { type EngineHarness, startEngine } from "./engine-harness.ts";

/** A queue or topic of a broker, and another one for replies. */
export interface Flow {
  /** What is read, and where replies go: a topic's name or a queue's URL. */
  readonly source: string;
  readonly target: string;
  readonly environment: Readonly<Record<string, string>>;
  /** As in a DAG file. */
  readonly watcher: string;
  readonly destination: string;
  /** Resolves when the broker has them all. */
  send(values: readonly number[]): Promise<void>;
  /** Values of replies so far, each once. */
  replies(): Promise<ReadonlySet<number>>;
  /** Nothing waits any more, and nothing that was acknowledged is missing. */
  checkAcknowledged(): Promise<void>;
}

const WITHIN_MS = 120_000;

/** `servers` is where the engine reaches the broker; the test reaches it directly. */
export async function kafkaFlow(kafka: KafkaServer, servers = kafka.url): Promise<Flow> {
  const [topic, replies] = [await kafka.client.createTopic({ partitions: 2 }), await kafka.client.createTopic()];
  const group = `flow-${topic}`;
  let sent = 0;
  return {
    source: topic,
    target: replies,
    environment: { MILLRACE_CONN_KAFKA_DEFAULT: JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": servers } }) },
    watcher: `kafkaTrigger({ topics: ["${topic}"], groupId: "${group}", from: "earliest" })`,
    destination: `kafkaTopic({ topic: "${replies}" })`,
    send: (values) =>
      kafka.client.produce(
        topic,
        values.map((n) => ({ value: JSON.stringify({ n }), partition: sent++ % 2 })),
      ),
    replies: async () => new Set((await kafka.client.read(replies)).map(({ value }) => valueOf(value!.toString()))),
    checkAcknowledged: async () => {
      const committed = await kafka.client.committed(group);
      assert.equal(
        [...committed.values()].reduce((sum, offset) => sum + Number(offset), 0),
        sent,
      );
    },
  };
}

export async function sqsFlow(sqs: FauxqsServer, endpoint = sqs.url): Promise<Flow> {
  const queue = await sqs.createQueue({ attributes: { VisibilityTimeout: "2" } });
  const replies = await sqs.createQueue();
  const found = new Set<number>();
  const { extra, ...login } = sqs.connection();
  return {
    source: queue,
    target: replies,
    environment: { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify({ ...login, extra: { ...extra, endpoint_url: endpoint } }) },
    watcher: `sqsTrigger({ queueUrl: "${queue}", waitTimeSeconds: 1 })`,
    destination: `sqsQueue({ queueUrl: "${replies}" })`,
    send: (values) =>
      sqs.send(
        queue,
        values.map((n) => JSON.stringify({ n })),
      ),
    replies: async () => {
      for (const { Body: body } of await sqs.receive(replies)) found.add(valueOf(body!));
      return found;
    },
    checkAcknowledged: async () => assert.deepEqual(await sqs.count(queue), { visible: 0, inFlight: 0 }),
  };
}

function valueOf(body: string): number {
  return (JSON.parse(body) as { n: number }).n;
}

/** An engine whose one DAG replies to each message. */
export async function startFlow(t: TestContext, flow: Flow): Promise<EngineHarness> {
  const file = `import { defineAsset, defineDag } from "@millrace/sdk"; import { kafkaTopic, kafkaTrigger } from "@millrace/kafka"; import { sqsQueue, sqsTrigger } from "@millrace/sqs";
const messages = defineAsset<"messages", { n: number }>("messages", { watchers: { w: ${flow.watcher} } });
const replies = ${flow.destination};
export default defineDag("reply", { schedule: messages }, (dag) => { dag.task("t", ({ event, publish }) => publish(replies, { n: event.payload.n })); });`;
  return startEngine(t, { environment: flow.environment, files: { "reply.ts": file } });
}

export function countEvents({ db }: EngineHarness): number {
  return db.prepare("SELECT count(*) FROM asset_event").pluck().get() as number;
}

/** Each of the messages 0 … total - 1 has one event, one finished run and a reply, and is acknowledged. */
export async function checkFlow({ db }: EngineHarness, flow: Flow, total: number): Promise<void> {
  const one = (sql: string): unknown => db.prepare(sql).pluck().get();
  await eventually(
    () =>
      assert.deepEqual(
        [one("SELECT count(DISTINCT payload) FROM asset_event"), one("SELECT count(*) FROM dag_run WHERE state = 10")],
        [total, total],
      ),
    { withinMs: WITHIN_MS },
  );
  assert.deepEqual(
    [one("SELECT count(*) FROM asset_event"), one("SELECT count(*) FROM dag_run"), one("SELECT count(DISTINCT event_id) FROM dag_run")],
    [total, total, total],
    "none twice",
  );
  assert.equal(one("SELECT count(*) FROM task_try"), 0, "no try was spent on it");
  await eventually(
    async () => {
      const replies = await flow.replies();
      assert.deepEqual(
        numbers(0, total).filter((n) => !replies.has(n)),
        [],
      );
    },
    { withinMs: WITHIN_MS },
  );
  await eventually(() => flow.checkAcknowledged(), { withinMs: WITHIN_MS });
}

export const numbers = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, index) => from + index);
