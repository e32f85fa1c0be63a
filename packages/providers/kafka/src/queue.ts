import type { Connection, QueueScheme, QueueTarget } from "@millrace/sdk/provider";
import { DEFAULT_CONNECTION, SERVERS_PATTERN, TOPIC_PATTERN } from "./params.ts";

const URL_PATTERN = /^kafka:\/\/(?<servers>[^/]*)(?:\/(?<topics>.*))?$/i;
const topicPattern = new RegExp(TOPIC_PATTERN);
const serversPattern = new RegExp(SERVERS_PATTERN);

/** `kafka://host:9092,other:9092/topic`, `kafka:///topic` for the connection's own servers, or a topic's bare name. */
export const kafkaQueues: QueueScheme = {
  scheme: "kafka",
  match: (queue) => (/^kafka:\/\//i.test(queue) ? "yes" : "no"),
  trigger: (queue) => {
    const { topics, ...servers } = parse(queue);
    return target({ topics, ...servers });
  },
  destination: (queue) => {
    const { topics, ...servers } = parse(queue);
    const [topic] = topics;
    if (topic === undefined || topics.length > 1) throw new Error(`expected one topic to publish to, got ${topics.length}`);
    return target({ topic, ...servers });
  },
};

/** The servers in a queue's URL count where the connection names none, and do for the whole connection where the default one is not set. */
export function completeConnection(
  { bootstrapServers }: { readonly bootstrapServers?: string },
  id: string,
  found: Connection | null,
): Connection | null {
  if (bootstrapServers === undefined) return found;
  const connection = found ?? (id === DEFAULT_CONNECTION ? { id, connType: "kafka", extra: {} } : null);
  if (connection === null || hasServers(connection)) return connection;
  return { ...connection, extra: { ...connection.extra, "bootstrap.servers": bootstrapServers } };
}

function hasServers({ host, extra }: Connection): boolean {
  return Boolean(extra["bootstrap.servers"] || extra["metadata.broker.list"] || host);
}

function target(params: Readonly<Record<string, unknown>>): QueueTarget {
  return { kind: "kafka", connection: DEFAULT_CONNECTION, params };
}

function parse(queue: string): { readonly topics: readonly string[]; readonly bootstrapServers?: string } {
  if (topicPattern.test(queue)) return { topics: [queue] };
  const { servers = "", topics = "" } = URL_PATTERN.exec(queue)?.groups ?? {};
  if (topics === "") {
    const meant = topicPattern.test(servers) && !servers.includes(".") ? `kafka:///${servers}` : "kafka:///topic";
    throw new Error(`expected a topic after the servers, as in kafka://host:9092/topic; "${meant}" is a topic on the connection's servers`);
  }
  const names = topics.split(",");
  const wrong = names.find((name) => !topicPattern.test(name));
  if (wrong !== undefined) throw new Error(`expected a topic's name of letters, digits, ".", "_" and "-", got "${wrong}"`);
  if (servers === "") return { topics: names };
  if (!serversPattern.test(servers)) throw new Error(`expected servers such as host:9092,other:9092, got "${servers}"`);
  return { topics: names, bootstrapServers: servers };
}
