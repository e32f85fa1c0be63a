import { TriggerError, type Connection } from "@millrace/sdk/provider";

/** The keys of a connection's `extra` that are used, in Airflow's words. */
export const KNOWN_EXTRA = [
  "aws_access_key_id",
  "aws_secret_access_key",
  "aws_session_token",
  "region_name",
  "profile_name",
  "endpoint_url",
  "service_config",
  "role_arn",
  "assume_role_method",
  "assume_role_kwargs",
  "external_id",
  "wait_time_seconds",
] as const;
type ExtraKey = (typeof KNOWN_EXTRA)[number];

/** null where it is not set, or set to nothing. @throws {TriggerError} CONNECTION_INVALID */
export function textOf(connection: Connection, key: ExtraKey): string | null {
  const value = connection.extra[key];
  if (value === undefined || value === null || value === "") return null;
  if (typeof value === "string") return value;
  throw invalid(connection, key, `text, got ${Array.isArray(value) ? "an array" : `a value of type ${typeof value}`}`);
}

/** An object, or its JSON text as a URI has it; empty where it is not set. @throws {TriggerError} CONNECTION_INVALID */
export function objectOf(connection: Connection, key: ExtraKey): Readonly<Record<string, unknown>> {
  const given = connection.extra[key];
  if (given === undefined || given === null || given === "") return {};
  const value = typeof given === "string" ? parse(given) : given;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw invalid(connection, key, "a JSON object, got something else");
}

/** `problem` ends the sentence "expected … to be". */
export function invalid(connection: Connection, key: ExtraKey, problem: string): TriggerError {
  const where = `"${key}" in the extra of connection "${connection.id}"`;
  return new TriggerError("CONNECTION_INVALID", `expected ${where} to be ${problem}: correct the connection`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
