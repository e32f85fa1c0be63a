import { readFileSync } from "node:fs";
import type { BaseOptions, SASLMechanismValue } from "@platformatic/kafka";
import { TriggerError, type Connection } from "@millrace/sdk/provider";

/** How to reach a cluster, from a connection in librdkafka's words. */
export type ClientOptions = Pick<BaseOptions, "clientId" | "bootstrapBrokers" | "sasl" | "tls" | "connectTimeout" | "timeout">;

const CONNECT_TIMEOUT_MS = 5_000;
/** Above the longest fetch. */
const REQUEST_TIMEOUT_MS = 15_000;
const PROTOCOLS = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
const MECHANISMS: readonly SASLMechanismValue[] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/** @throws {TriggerError} CONNECTION_INVALID */
export function clientOptionsOf(connection: Connection): ClientOptions {
  const protocol = securityProtocolOf(connection);
  return {
    clientId: textOf(connection, "client.id") ?? "millrace",
    bootstrapBrokers: bootstrapServersOf(connection),
    connectTimeout: CONNECT_TIMEOUT_MS,
    timeout: REQUEST_TIMEOUT_MS,
    ...(protocol.startsWith("SASL_") ? { sasl: saslOf(connection) } : {}),
    ...(protocol.endsWith("SSL") ? { tls: tlsOf(connection) } : {}),
  };
}

/** The connection's `group.id`. */
export function groupOf(connection: Connection): string | null {
  return textOf(connection, "group.id");
}

/** The connection's `auto.offset.reset`. @throws {TriggerError} CONNECTION_INVALID */
export function startOf(connection: Connection): "earliest" | "latest" | null {
  const reset = textOf(connection, "auto.offset.reset");
  if (reset === null) return null;
  if (["earliest", "smallest", "beginning"].includes(reset)) return "earliest";
  if (["latest", "largest", "end"].includes(reset)) return "latest";
  throw invalid(connection, "auto.offset.reset", "earliest or latest", reset);
}

function bootstrapServersOf(connection: Connection): string[] {
  const servers = textOf(connection, "bootstrap.servers") ?? textOf(connection, "metadata.broker.list");
  if (servers !== null) return servers.split(",").map((server) => server.trim());
  if (connection.host) return [`${connection.host}:${connection.port ?? 9092}`];
  throw invalid(connection, "bootstrap.servers", 'addresses such as "host:9092"', undefined);
}

function securityProtocolOf(connection: Connection): string {
  const given = textOf(connection, "security.protocol");
  const protocol = given?.toUpperCase() ?? "PLAINTEXT";
  if (!PROTOCOLS.includes(protocol)) throw invalid(connection, "security.protocol", PROTOCOLS.join(", "), given);
  return protocol;
}

function saslOf(connection: Connection): NonNullable<BaseOptions["sasl"]> {
  const given = textOf(connection, "sasl.mechanism") ?? textOf(connection, "sasl.mechanisms") ?? "PLAIN";
  const mechanism = MECHANISMS.find((known) => known === given.toUpperCase());
  if (mechanism === undefined) throw invalid(connection, "sasl.mechanism", MECHANISMS.join(", "), given);
  const username = textOf(connection, "sasl.username") ?? connection.login;
  const password = textOf(connection, "sasl.password") ?? connection.password;
  if (!username) throw invalid(connection, "sasl.username", "a user name", username);
  if (!password) throw invalid(connection, "sasl.password", "a password", undefined);
  return { mechanism, username, password };
}

function tlsOf(connection: Connection): NonNullable<BaseOptions["tls"]> {
  const pem = (name: string): string | null => textOf(connection, `ssl.${name}.pem`) ?? fileOf(connection, `ssl.${name}.location`);
  const [ca, cert, key] = [pem("ca"), pem("certificate"), pem("key")];
  const passphrase = textOf(connection, "ssl.key.password");
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...(passphrase === null ? {} : { passphrase }),
    ...(textOf(connection, "enable.ssl.certificate.verification") === "false" ? { rejectUnauthorized: false } : {}),
  };
}

function fileOf(connection: Connection, key: string): string | null {
  const path = textOf(connection, key);
  if (path === null) return null;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(connection, key, "a file that can be read", path, error);
  }
}

function textOf(connection: Connection, key: string): string | null {
  const value = connection.extra[key];
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" && value !== "" ? value : null;
}

function invalid(connection: Connection, key: string, expected: string, got: string | null | undefined, cause?: unknown): TriggerError {
  const message = `expected "${key}" in the extra of connection "${connection.id}" to be ${expected}, got ${got == null ? "none" : `"${got}"`}`;
  return new TriggerError("CONNECTION_INVALID", `${message}: correct MILLRACE_CONN_${connection.id.toUpperCase()}`, { cause });
}
