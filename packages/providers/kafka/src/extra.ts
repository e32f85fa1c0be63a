import { readFileSync } from "node:fs";
import { TriggerError, type Connection } from "@millrace/sdk/provider";

/** The keys of a connection's `extra` that are used, in librdkafka's words. */
export const KNOWN_EXTRA = [
  "bootstrap.servers",
  "metadata.broker.list",
  "client.id",
  "group.id",
  "auto.offset.reset",
  // Airflow wants it set to false. Millrace commits after it has stored, whatever it says.
  "enable.auto.commit",
  "security.protocol",
  "sasl.mechanism",
  "sasl.mechanisms",
  "sasl.username",
  "sasl.password",
  "sasl.oauthbearer.token",
  "sasl.oauthbearer.method",
  "sasl.oauthbearer.token.endpoint.url",
  "sasl.oauthbearer.client.id",
  "sasl.oauthbearer.client.secret",
  "sasl.oauthbearer.scope",
  "sasl.oauthbearer.extensions",
  "ssl.ca.location",
  "ssl.ca.pem",
  "ssl.certificate.location",
  "ssl.certificate.pem",
  "ssl.key.location",
  "ssl.key.pem",
  "ssl.key.password",
  "enable.ssl.certificate.verification",
  "ssl.endpoint.identification.algorithm",
] as const;
export type ExtraKey = (typeof KNOWN_EXTRA)[number];

/** null where it is not set, or set to nothing. @throws {TriggerError} CONNECTION_INVALID */
export function textOf(connection: Connection, key: ExtraKey): string | null {
  const value = connection.extra[key];
  if (value === undefined || value === null || value === "") return null;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return value;
  throw invalid(connection, key, "text", { got: Array.isArray(value) ? "an array" : "an object" });
}

/** The one of the names that the value is, in any case. @throws {TriggerError} CONNECTION_INVALID */
export function choiceOf<Name extends string>(connection: Connection, key: ExtraKey, names: readonly Name[]): Name | null {
  const given = textOf(connection, key);
  const name = names.find((known) => known.toLowerCase() === given?.toLowerCase());
  if (given === null || name !== undefined) return name ?? null;
  throw invalid(connection, key, names.join(", "), { got: `"${given}"` });
}

/** The text of `key.pem`, else of the file in `key.location`. @throws {TriggerError} CONNECTION_INVALID */
export function pemOf(connection: Connection, key: "ssl.ca" | "ssl.certificate" | "ssl.key"): { text: string; key: ExtraKey } | null {
  const text = textOf(connection, `${key}.pem`);
  if (text !== null) return { text, key: `${key}.pem` };
  const path = textOf(connection, `${key}.location`);
  if (path === null) return null;
  try {
    return { text: readFileSync(path, "utf8"), key: `${key}.location` };
  } catch (cause) {
    throw invalid(connection, `${key}.location`, "a file that can be read", { got: `"${path}" (${(cause as Error).message})`, cause });
  }
}

/** `got` is a noun phrase that shows no secret; without it there is none. */
export function invalid(
  connection: Connection,
  key: ExtraKey,
  expected: string,
  { got = "none", cause }: { readonly got?: string; readonly cause?: unknown } = {},
): TriggerError {
  const message = `expected "${key}" in the extra of connection "${connection.id}" to be ${expected}, got ${got}`;
  const variable = `MILLRACE_CONN_${connection.id.toUpperCase().replaceAll(/[^A-Z0-9_]/g, "_")}`;
  return new TriggerError("CONNECTION_INVALID", `${message}: correct ${variable}`, { cause });
}
