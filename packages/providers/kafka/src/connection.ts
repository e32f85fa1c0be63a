import { isIP } from "node:net";
import type { BaseOptions } from "@platformatic/kafka";
import { warnOfUnknownExtra, type Connection, type ProviderLog } from "@millrace/sdk/provider";
import { choiceOf, invalid, KNOWN_EXTRA, textOf } from "./extra.ts";
import { saslOf } from "./sasl.ts";
import { tlsOf } from "./tls.ts";

/** How to reach a cluster, from a connection in librdkafka's words. */
export type ClientOptions = Pick<
  BaseOptions,
  "clientId" | "bootstrapBrokers" | "sasl" | "tls" | "tlsServerName" | "connectTimeout" | "requestTimeout" | "timeout"
>;

const CONNECT_TIMEOUT_MS = 5_000;
/** Above the longest fetch, and the longest wait for a group to be joined. */
const REQUEST_TIMEOUT_MS = 15_000;
const DEFAULT_PORT = 9092;
const PROTOCOLS = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] as const;
const EARLIEST = ["earliest", "smallest", "beginning"];
const LATEST = ["latest", "largest", "end"];
/** A host or an IPv6 address in brackets, and a port. */
const SERVER = /^(?<host>\[[0-9a-fA-F:.]+\]|[^\s:/,]+)(?::(?<port>\d{1,5}))?$/;

/** Warns of keys that are not used. @throws {TriggerError} CONNECTION_INVALID */
export function clientOptionsOf(connection: Connection, log: ProviderLog): ClientOptions {
  warnOfUnknownExtra(connection, KNOWN_EXTRA, log);
  const protocol = choiceOf(connection, "security.protocol", PROTOCOLS) ?? "PLAINTEXT";
  const servers = bootstrapServersOf(connection);
  return {
    clientId: textOf(connection, "client.id") ?? "millrace",
    bootstrapBrokers: servers,
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // How long the broker may take to replicate what is published.
    timeout: REQUEST_TIMEOUT_MS,
    ...(protocol.startsWith("SASL_") ? { sasl: saslOf(connection) } : {}),
    // Brokers behind one address are told apart by the name that is asked for; TLS knows no addresses as names.
    ...(protocol.endsWith("SSL") ? { tls: tlsOf(connection), tlsServerName: !servers.some(isAddress) } : {}),
  };
}

/** The connection's `group.id`. @throws {TriggerError} CONNECTION_INVALID */
export function groupOf(connection: Connection): string | null {
  return textOf(connection, "group.id");
}

/** The connection's `auto.offset.reset`. @throws {TriggerError} CONNECTION_INVALID */
export function startOf(connection: Connection): "earliest" | "latest" | null {
  const reset = choiceOf(connection, "auto.offset.reset", [...EARLIEST, ...LATEST]);
  if (reset === null) return null;
  return EARLIEST.includes(reset) ? "earliest" : "latest";
}

function bootstrapServersOf(connection: Connection): string[] {
  const given = textOf(connection, "bootstrap.servers") ?? textOf(connection, "metadata.broker.list");
  const servers = given ?? (connection.host ? `${connection.host}:${connection.port ?? DEFAULT_PORT}` : null);
  const expected = 'addresses such as "host:9092,other:9092"';
  if (servers === null) throw invalid(connection, "bootstrap.servers", expected);
  return servers.split(",").map((server) => {
    const { host, port = DEFAULT_PORT } = SERVER.exec(server.trim())?.groups ?? {};
    if (host === undefined || Number(port) > 65_535) throw invalid(connection, "bootstrap.servers", expected, { got: `"${servers}"` });
    return `${host}:${port}`;
  });
}

function isAddress(server: string): boolean {
  return server.startsWith("[") || isIP(server.replace(/:\d+$/, "")) !== 0;
}
