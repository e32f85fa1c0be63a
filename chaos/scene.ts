import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type FauxqsServer,
  findFreePorts,
  type KafkaServer,
  type PostgresServer,
  startFauxqs,
  startKafka,
  startPostgres,
} from "@millrace/test-services";
import { Member } from "./member.ts";

const NODE_MODULES = fileURLToPath(new URL("../node_modules", import.meta.url));

/** The brokers, the database and the processes of one run. */
export interface Scene {
  readonly kafka: KafkaServer;
  readonly sqs: FauxqsServer;
  /** null where the database is a file. */
  readonly postgres: PostgresServer | null;
  readonly databaseUrl: string;
  readonly members: readonly Member[];
  readonly topic: string;
  readonly queueUrl: string;
  readonly repliesTopic: string;
  /** Each try of a task appends to it, outside of Millrace. */
  readonly triesFile: string;
  readonly folder: string;
  close(keepFiles: boolean): Promise<void>;
}

export async function setScene(db: "sqlite" | "postgres"): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-chaos-"));
  const kafka = await startKafka();
  const sqs = await startFauxqs({ persistence: true });
  const postgres = db === "postgres" ? await startPostgres({ isDurable: true }) : null;
  const [topic, repliesTopic] = [await kafka.client.createTopic({ partitions: 4 }), await kafka.client.createTopic()];
  const queueUrl = await sqs.createQueue({ attributes: { VisibilityTimeout: "10" } });
  const triesFile = join(folder, "tries.log");
  writeFileSync(triesFile, "");
  symlinkSync(NODE_MODULES, join(folder, "node_modules"));
  mkdirSync(join(folder, "dags"));
  writeFileSync(join(folder, "dags", "chaos.ts"), dagFile({ topic, queueUrl, repliesTopic, triesFile }));
  const databaseUrl = postgres === null ? `sqlite:${join(folder, "chaos.db")}` : postgres.url();
  const members = await membersOf(db, folder, databaseUrl, {
    MILLRACE_CONN_KAFKA_DEFAULT: JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": kafka.url } }),
    MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()),
  });
  const close = async (keepFiles: boolean): Promise<void> => {
    await Promise.all(members.map((member) => member.kill()));
    await Promise.all([kafka.stop(), sqs.stop(), postgres?.stop()]);
    if (!keepFiles) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  return { kafka, sqs, postgres, databaseUrl, members, topic, queueUrl, repliesTopic, triesFile, folder, close };
}

async function membersOf(db: string, folder: string, url: string, connections: Record<string, string>): Promise<readonly Member[]> {
  const environment = {
    ...connections,
    AWS_EC2_METADATA_DISABLED: "true",
    MILLRACE_DB_URL: url,
    MILLRACE_DAGS_FOLDER: join(folder, "dags"),
    MILLRACE_ADMIN_PASSWORD: "chaos",
    MILLRACE_WORKER_TOKEN: randomBytes(16).toString("hex"),
    MILLRACE_SECRET_KEY: randomBytes(32).toString("base64"),
    MILLRACE_MAX_WORKERS: "1",
  };
  const member = (name: string, ...args: readonly string[]): Member => new Member({ name, args, folder, environment });
  if (db === "sqlite") return [member("standalone", "standalone", "--port", "0")];
  const [first, second] = await findFreePorts(2);
  return [
    member("scheduler-1", "scheduler", "--worker-port", String(first)),
    member("scheduler-2", "scheduler", "--worker-port", String(second)),
    member("triggerer-1", "triggerer"),
    member("triggerer-2", "triggerer"),
    member("api-server", "api-server", "--port", "0"),
    member("worker", "worker", "--processes", "1", "--scheduler", `127.0.0.1:${first}`, "--scheduler", `127.0.0.1:${second}`),
  ];
}

function dagFile(names: { topic: string; queueUrl: string; repliesTopic: string; triesFile: string }): string {
  return `import { appendFileSync } from "node:fs";
import { coalesce, defineAsset, defineDag } from "@millrace/sdk";
import { kafkaTopic, kafkaTrigger } from "@millrace/kafka";
import { sqsTrigger } from "@millrace/sqs";

const messages = defineAsset<"messages", { n: number }>("messages", {
  watchers: {
    kafka: kafkaTrigger({ topics: ["${names.topic}"], groupId: "chaos", from: "earliest" }),
    sqs: sqsTrigger({ queueUrl: "${names.queueUrl}", waitTimeSeconds: 1 }),
  },
});
const done = defineAsset<"done", { n: number }>("done");
const replies = kafkaTopic({ topic: "${names.repliesTopic}" });
const note = (run: { id: string }, task: { id: string; try: number }) => appendFileSync("${names.triesFile}", run.id + " " + task.id + " " + task.try + "\\n");

export const answer = defineDag("answer", { schedule: messages }, (dag) => {
  const first = dag.task("first", ({ event, run, task }) => {
    note(run, task);
    return event.payload.n;
  });
  dag.task("second", { needs: { first }, outlets: [done] }, ({ first, run, task, emit, publish }) => {
    note(run, task);
    publish(replies, { n: first });
    emit(done, { n: first });
  });
});

export const sums = defineDag("sums", { schedule: coalesce(done) }, (dag) => {
  dag.task("count", ({ events, run, task }) => {
    note(run, task);
    return events.length;
  });
});
`;
}
