import { randomUUID } from "node:crypto";
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Admin } from "@platformatic/kafka";
import { ChildServer, findFreePorts } from "./child-server.ts";
import { installKafka } from "./kafka-install.ts";
import { KafkaTestClient } from "./kafka-test-client.ts";

const run = promisify(execFile);

/** The only account of the SASL/PLAIN listener. */
const SASL_ACCOUNT = { username: "millrace", password: "millrace-secret" } as const;

/** A listener beside those that every broker has. */
interface KafkaListener {
  readonly name: string;
  readonly protocol: string;
  readonly advertisedHost: string;
  readonly port: number;
}

/** What a broker has beside what every broker has. */
export interface KafkaExtension {
  readonly listeners: readonly KafkaListener[];
  readonly properties: Readonly<Record<string, string>>;
  /** For StorageTool's `format`. */
  readonly formatArguments: readonly string[];
}

const NO_EXTENSION: KafkaExtension = { listeners: [], properties: {}, formatArguments: [] };

/** A real broker (KRaft, one node) and a client to prepare and look into its topics. */
export class KafkaServer {
  /** host:port of the listener without authentication. */
  readonly url: string;
  /** host:port of the SASL/PLAIN listener; null for a broker started elsewhere. */
  readonly saslUrl: string | null;
  readonly saslAccount = SASL_ACCOUNT;
  readonly client: KafkaTestClient;
  readonly #server: ChildServer | null;

  constructor(url: string, saslUrl: string | null, server: ChildServer | null) {
    this.url = url;
    this.saslUrl = saslUrl;
    this.#server = server;
    this.client = new KafkaTestClient(url);
  }

  /** Same ports and data after `kill`; resolves when the broker answers. */
  async start(): Promise<void> {
    await this.#own("started").start();
  }

  /** `kill -9`, the data stays. */
  async kill(): Promise<void> {
    await this.#own("killed").kill();
  }

  /** Ends the broker and removes its data; a broker started elsewhere goes on. */
  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  #own(what: string): ChildServer {
    if (this.#server === null)
      throw new Error(`a broker that was not started here (MILLRACE_TEST_KAFKA_URL) cannot be ${what}; use startKafka()`);
    return this.#server;
  }
}

let shared: Promise<KafkaServer> | null = null;

/**
 * The broker this process shares: MILLRACE_TEST_KAFKA_URL where set, else one started on first use, which
 * ends with the process. Tests stay apart by random topic names.
 */
export function sharedKafka(): Promise<KafkaServer> {
  const url = process.env["MILLRACE_TEST_KAFKA_URL"];
  shared ??= url === undefined ? startKafka() : Promise.resolve(new KafkaServer(url, null, null));
  return shared;
}

/** A broker of one's own, on random ports: for tests that kill it. `extend` is called with its folder before it starts. */
export async function startKafka(extend: (dir: string) => Promise<KafkaExtension> = async () => NO_EXTENSION): Promise<KafkaServer> {
  const libs = await installKafka();
  const [port, saslPort, controllerPort] = (await findFreePorts(3)) as [number, number, number];
  const url = `127.0.0.1:${port}`;
  const java = ["-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", `${libs}/*`];
  const server = new ChildServer({ name: "kafka" }, (dir) => ({
    file: "java",
    args: [...java, "kafka.Kafka", join(dir, "server.properties")],
    isReady: () => answersApiVersions(url),
  }));
  const extension = await extend(server.dir);
  const properties = join(server.dir, "server.properties");
  writeFileSync(properties, serverProperties({ port, saslPort, controllerPort, dir: server.dir, extension }));
  const id = randomUUID().replaceAll("-", "").slice(0, 22);
  const format = ["kafka.tools.StorageTool", "format", "-t", id, "-c", properties, ...extension.formatArguments];
  await run("java", [...java, "-XX:TieredStopAtLevel=1", ...format]);
  if (!existsSync(join(server.dir, "data", "meta.properties"))) throw new Error("Kafka's StorageTool ended without formatting its folder");
  await server.start();
  return new KafkaServer(url, `127.0.0.1:${saslPort}`, server);
}

async function answersApiVersions(url: string): Promise<boolean> {
  const admin = new Admin({ clientId: "millrace-test-ready", bootstrapBrokers: [url], retries: 0, connectTimeout: 1_000, timeout: 2_000 });
  try {
    const metadata = await admin.metadata({ topics: [], forceUpdate: true });
    return metadata.brokers.size > 0;
  } finally {
    await admin.close();
  }
}

interface ServerSettings {
  readonly port: number;
  readonly saslPort: number;
  readonly controllerPort: number;
  readonly dir: string;
  readonly extension: KafkaExtension;
}

function serverProperties(o: ServerSettings): string {
  const others = o.extension.listeners;
  const login = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${SASL_ACCOUNT.username}="${SASL_ACCOUNT.password}";`;
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${o.controllerPort}`,
    listeners: [`CONTROLLER://127.0.0.1:${o.controllerPort}`, ...addressesOf(o, "bound")].join(","),
    "advertised.listeners": addressesOf(o, "advertised").join(","),
    "listener.security.protocol.map": ["PLAINTEXT:PLAINTEXT", "SASL:SASL_PLAINTEXT", "CONTROLLER:PLAINTEXT"]
      .concat(others.map(({ name, protocol }) => `${name}:${protocol}`))
      .join(","),
    "sasl.enabled.mechanisms": "PLAIN",
    "listener.name.sasl.plain.sasl.jaas.config": login,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": join(o.dir, "data"),
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    // A killed broker may register again only when its session is over.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "1000",
    ...o.extension.properties,
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

function addressesOf({ port, saslPort, extension }: ServerSettings, which: "bound" | "advertised"): string[] {
  const hostOf = (listener: KafkaListener): string => (which === "bound" ? "127.0.0.1" : listener.advertisedHost);
  const others = extension.listeners.map((listener) => `${listener.name}://${hostOf(listener)}:${listener.port}`);
  return [`PLAINTEXT://127.0.0.1:${port}`, `SASL://127.0.0.1:${saslPort}`, ...others];
}
