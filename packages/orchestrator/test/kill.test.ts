// P1, P2 and P5 by counting: kill -9 of the whole process group, ten times at random, under a stream of messages.
import { strict as assert } from "node:assert";
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, type KafkaServer, sharedKafka, skipWithout, startFauxqs } from "@millrace/test-services";
import Database from "better-sqlite3";

const BIN = fileURLToPath(new URL("../bin/millrace.js", import.meta.url));
const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));
const MESSAGES = 5_000;
const KILLS = 10;
/** Generous: a group of Kafka needs its session timeout to miss each dead member. */
const WITHIN_MS = 240_000;

interface Broker {
  readonly environment: Readonly<Record<string, string>>;
  readonly watcher: string;
  readonly destination: string;
  send(values: readonly string[]): Promise<void>;
  /** What was published, each value once. */
  published(): Promise<ReadonlySet<string>>;
  /** Nothing was acknowledged that is not stored. */
  checkAcknowledged(db: Database.Database): Promise<void>;
}

/** The server in a process group of its own, so that one signal ends all of it. */
class Server {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #dags: string;
  #child: ChildProcess | null = null;

  constructor(dags: string, environment: Readonly<Record<string, string>>) {
    this.#dags = dags;
    this.#environment = environment;
  }

  start(): void {
    this.#child = spawn(process.execPath, [BIN, "standalone", "--dags-folder", this.#dags, "--port", "0"], {
      env: this.#environment,
      stdio: ["ignore", "ignore", "inherit"],
      detached: true,
    });
  }

  /** Every process of the group, at once, wherever it is. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const exit = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await exit;
  }

  async stop(): Promise<number | null> {
    const child = this.#child!;
    this.#child = null;
    child.kill("SIGTERM");
    const [code] = (await once(child, "exit")) as [number | null];
    return code;
  }
}

function dagFile(broker: Broker, starts: string): string {
  return `
import { appendFileSync } from "node:fs";
import { defineAsset, defineDag } from "@millrace/sdk";
import { kafkaTopic, kafkaTrigger } from "@millrace/kafka";
import { sqsQueue, sqsTrigger } from "@millrace/sqs";
const messages = defineAsset<"messages", { n: number }>("messages", { watchers: { watcher: ${broker.watcher} } });
const replies = ${broker.destination};
export default defineDag("count", { schedule: messages }, (dag) => {
  const start = dag.task("start", ({ event, run }) => { appendFileSync(${JSON.stringify(starts)}, event.payload.n + " " + run.id + "\\n"); return event.payload.n; });
  dag.task("reply", { needs: { start } }, ({ start, publish }) => publish(replies, { n: start }));
});
`;
}

function countLines(file: string): number {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
}

async function killTenTimes(t: TestContext, broker: Broker): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-kill-"));
  const dags = join(folder, "dags");
  const starts = join(folder, "starts.txt");
  mkdirSync(dags);
  symlinkSync(NODE_MODULES, join(folder, "node_modules"));
  writeFileSync(join(dags, "count.ts"), dagFile(broker, starts));
  const server = new Server(dags, {
    ...process.env,
    ...broker.environment,
    MILLRACE_HOME: join(folder, "home"),
    MILLRACE_LOG_LEVEL: "error",
  });
  t.after(async () => {
    await server.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  const values = Array.from({ length: MESSAGES }, (_, n) => JSON.stringify({ n }));
  const share = Math.ceil(MESSAGES / (KILLS + 1));
  const sends: Promise<void>[] = [];
  for (let killed = 0; killed < KILLS; killed += 1) {
    server.start();
    sends.push(broker.send(values.slice(killed * share, (killed + 1) * share)));
    const before = countLines(starts);
    const some = randomInt(1, share);
    await eventually(() => assert.ok(countLines(starts) >= Math.min(before + some, (killed + 1) * share)), { withinMs: WITHIN_MS });
    await server.kill();
    t.diagnostic(`killed after ${countLines(starts)} starts`);
  }
  server.start();
  sends.push(broker.send(values.slice(KILLS * share)));
  await Promise.all(sends);
  await eventually(async () => assert.equal((await broker.published()).size, MESSAGES), { withinMs: WITHIN_MS });
  const file = join(folder, "home", "millrace.db");
  await eventually(() => {
    const db = new Database(file, { readonly: true });
    const unfinished = db.prepare("SELECT count(*) FROM dag_run WHERE state < 10").pluck().get();
    const pending = db.prepare("SELECT count(*) FROM outbox_message WHERE state < 10").pluck().get();
    db.close();
    assert.deepEqual({ unfinished, pending }, { unfinished: 0, pending: 0 });
  });
  assert.equal(await server.stop(), 0);
  await check(new Database(file, { readonly: true }), broker, starts);
}

async function check(db: Database.Database, broker: Broker, starts: string): Promise<void> {
  const one = (sql: string): unknown => db.prepare(sql).pluck().get();
  assert.equal(one("SELECT count(*) FROM asset_event"), MESSAGES, "one asset event per message");
  assert.equal(one("SELECT count(DISTINCT payload) FROM asset_event"), MESSAGES, "no message twice, none missing");
  assert.equal(one("SELECT count(*) FROM dag_run"), MESSAGES, "one run per event");
  assert.equal(one("SELECT count(DISTINCT event_id) FROM dag_run"), MESSAGES);
  assert.equal(one("SELECT count(*) FROM dag_run WHERE state = 10"), MESSAGES, "every run succeeded");
  assert.equal(one("SELECT count(*) FROM task_instance WHERE state = 10 AND try = 1"), 2 * MESSAGES, "no try was spent on a kill");
  assert.equal(one("SELECT count(*) FROM task_try"), 0);
  const runs = new Map<string, string>();
  for (const line of readFileSync(starts, "utf8").split("\n").filter(Boolean)) {
    const [n, run] = line.split(" ") as [string, string];
    assert.equal(runs.get(n) ?? run, run, `message ${n} started one run`);
    runs.set(n, run);
  }
  assert.equal(runs.size, MESSAGES);
  await broker.checkAcknowledged(db);
  db.close();
}

test("SQS: ten kills, every message has one event and one finished run", { timeout: 600_000 }, async (t) => {
  const sqs = await startFauxqs({ persistence: true });
  t.after(() => sqs.stop());
  const queue = await sqs.createQueue({ attributes: { VisibilityTimeout: "5" } });
  const replies = await sqs.createQueue();
  const published = new Set<string>();
  await killTenTimes(t, {
    environment: { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) },
    watcher: `sqsTrigger({ queueUrl: ${JSON.stringify(queue)} })`,
    destination: `sqsQueue({ queueUrl: ${JSON.stringify(replies)} })`,
    send: (values) => sqs.send(queue, values),
    published: async () => {
      for (const { Body: body } of await sqs.receive(replies)) published.add(body!);
      return published;
    },
    checkAcknowledged: async () =>
      assert.deepEqual(await sqs.count(queue), { visible: 0, inFlight: 0 }, "all were acknowledged, and all are stored"),
  });
});

test("Kafka: ten kills, every record has one event and one finished run", { timeout: 900_000, skip: skipWithout("kafka") }, async (t) => {
  const kafka: KafkaServer = await sharedKafka();
  const topic = await kafka.client.createTopic({ partitions: 4 });
  const replies = await kafka.client.createTopic();
  const group = `kill-${randomInt(1e9)}`;
  let sent = 0;
  await killTenTimes(t, {
    environment: { MILLRACE_CONN_KAFKA_DEFAULT: JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": kafka.url } }) },
    watcher: `kafkaTrigger({ topics: [${JSON.stringify(topic)}], groupId: "${group}", from: "earliest" })`,
    destination: `kafkaTopic({ topic: ${JSON.stringify(replies)} })`,
    send: (values) =>
      kafka.client.produce(
        topic,
        values.map((value) => ({ value, partition: sent++ % 4 })),
      ),
    published: async () => new Set((await kafka.client.read(replies)).map(({ value }) => value!.toString())),
    checkAcknowledged: async (db) => {
      const stored = new Map(db.prepare("SELECT partition, next_offset FROM source_position").raw().all() as [string, number][]);
      assert.equal(
        [...stored.values()].reduce((sum, next) => sum + next, 0),
        MESSAGES,
        "every record was stored",
      );
      for (const [name, offset] of await kafka.client.committed(group)) {
        const partition = name.slice(topic.length + 1);
        assert.ok(
          Number(offset) <= stored.get(partition)!,
          `partition ${partition}: committed ${offset}, stored up to ${stored.get(partition)}`,
        );
      }
    },
  });
});
