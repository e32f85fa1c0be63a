import type { Connection } from "@millrace/sdk/provider";
import type { ConnectionEntry, ConnectionSource } from "../domain/connection-store.ts";
import { type Connections, normalizeConnType } from "../domain/connections.ts";
import { MillraceError } from "../domain/errors.ts";
import type { Environment } from "./config.ts";
import { isConnectionUri, parseConnectionUri } from "./connection-uri.ts";
import { idsIn, variableNames } from "./variable-names.ts";

const FIELDS = ["conn_type", "description", "host", "login", "password", "port", "schema", "extra"] as const;
type Fields = Partial<Record<(typeof FIELDS)[number], unknown>>;
type Fail = (problem: string) => MillraceError;

/** Connections as JSON or a URI in `MILLRACE_CONN_<ID>`, then `AIRFLOW_CONN_<ID>`. No error ever shows a value of one. */
export class EnvironmentConnections implements Connections, ConnectionSource {
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** @throws {MillraceError} CONNECTION_NOT_FOUND, CONNECTION_INVALID */
  async get(id: string): Promise<Connection> {
    const entry = this.find(id);
    if (entry === null) {
      const names = this.variablesOf(id);
      throw new MillraceError("CONNECTION_NOT_FOUND", `connection '${id}': expected it in ${names.join(" or ")}, neither is set`, {
        hint: `set ${names[0]} to JSON like {"conn_type": "aws", "login": "…", "password": "…"}, or to a URI`,
      });
    }
    if (entry.connection === null) throw entry.error!;
    return entry.connection;
  }

  /** Ids are told from the variables' names, in lower case. */
  list(): readonly ConnectionEntry[] {
    return idsIn(this.#env, "CONN").map((id) => this.find(id)!);
  }

  find(id: string): ConnectionEntry | null {
    const variable = this.variablesOf(id).find((candidate) => this.#env[candidate]);
    if (variable === undefined) return null;
    try {
      const { connection, description } = parseConnection(id, variable, this.#env[variable]!);
      return { id, connType: connection.connType, description, variable, connection, error: null };
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      return { id, connType: "", description: null, variable, connection: null, error };
    }
  }

  variablesOf(id: string): readonly string[] {
    return variableNames("CONN", id);
  }
}

/**
 * A connection as JSON or as a URI. `place` says where the text is from.
 * @throws {MillraceError} CONNECTION_INVALID; it shows no value
 */
export function parseConnection(id: string, place: string, given: string): { connection: Connection; description: string | null } {
  const text = given.trim();
  const fail: Fail = (problem) => new MillraceError("CONNECTION_INVALID", `connection '${id}' in ${place}: ${problem}`);
  const fields: Fields = isConnectionUri(text) ? parseConnectionUri(text, fail) : parseFields(text, fail);
  const connType = optionalText(fields, "conn_type", fail);
  if (connType === undefined || connType === "")
    throw fail('expected a field \'conn_type\' that names its kind, like "aws" or "kafka", got none');
  const connection = {
    id,
    connType: normalizeConnType(connType),
    host: optionalText(fields, "host", fail),
    login: optionalText(fields, "login", fail),
    password: optionalText(fields, "password", fail),
    port: parsePort(fields.port, fail),
    schema: optionalText(fields, "schema", fail),
    extra: parseExtra(fields.extra, fail),
  };
  return { connection, description: optionalText(fields, "description", fail) ?? null };
}

function parseFields(text: string, fail: Fail): Fields {
  const fields = parseJson(text, (where) => fail(`expected a JSON object or a URI, got text that is neither${where}`));
  if (!isObject(fields)) throw fail(`expected a JSON object or a URI, got ${kindOf(fields)}`);
  const unknown = Object.keys(fields).find((name) => !FIELDS.some((field) => field === name));
  if (unknown !== undefined)
    throw fail(`expected the fields ${FIELDS.join(", ")}, got '${unknown}'; what belongs to its kind goes into 'extra'`);
  return fields;
}

/** Never keeps the parser's error: its message quotes the text, which holds secrets. */
function parseJson(text: string, fail: (where: string) => MillraceError): unknown {
  let where: string;
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = /at position (\d+)/.exec((error as Error).message)?.[1];
    where = position === undefined ? "" : ` (at character ${Number(position) + 1})`;
  }
  throw fail(where);
}

function optionalText(fields: Fields, name: Exclude<keyof Fields, "port" | "extra">, fail: Fail): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw fail(`expected '${name}' to be a string, got ${kindOf(value)}`);
  return value;
}

function parsePort(value: unknown, fail: Fail): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const port = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw fail(`expected 'port' to be an integer from 1 to 65535, got ${typeof port === "number" ? `'${port}'` : kindOf(value)}`);
}

function parseExtra(value: unknown, fail: Fail): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null || value === "") return {};
  const extra =
    typeof value === "string"
      ? parseJson(value, (where) => fail(`expected 'extra' to be a JSON object, got text that is not JSON${where}`))
      : value;
  if (isObject(extra)) return extra;
  throw fail(`expected 'extra' to be a JSON object, got ${kindOf(extra)}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
