import { parseConnection } from "../../config/connections.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiClient } from "../api-client.ts";
import type { ConnectionBody } from "../access-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { print } from "../output/print.ts";
import { readArgument } from "../read-argument.ts";
import { readObjectArgument } from "../read-json-argument.ts";
import { describeConnection } from "./connection-actions.ts";
import { apiPath, openClient } from "./open-client.ts";

const FIELD_FLAGS = ["connType", "host", "port", "login", "password", "schema", "extra"] as const;

interface AddOptions extends ClientOptions, Partial<Record<(typeof FIELD_FLAGS)[number], string>> {
  readonly description?: string;
  readonly uri?: string;
  readonly json?: string;
  readonly replace?: boolean;
}

export async function addConnection(context: CommandContext, id: string, options: AddOptions): Promise<void> {
  const body = await readConnection(id, options);
  const client = openClient(context, options);
  const stored = await store(client, id, body, options.replace === true);
  print(options.output, stored, () => describeConnection(stored));
}

async function store(client: ApiClient, id: string, body: object, isReplacement: boolean): Promise<ConnectionBody> {
  if (!isReplacement) return client.post<ConnectionBody>("/connections", body);
  try {
    return await client.patch<ConnectionBody>(apiPath`/connections/${id}`, body);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "CONNECTION_NOT_FOUND") throw error;
    return client.post<ConnectionBody>("/connections", body);
  }
}

/** Every field, so that a replaced connection keeps nothing of the old one. @throws {MillraceError} USAGE */
async function readConnection(id: string, options: AddOptions): Promise<object> {
  const { connection, description } = parse(id, await readText(options));
  const { connType, host = null, port = null, login = null, password = null, schema = null, extra } = connection;
  return {
    connection_id: id,
    conn_type: connType,
    host,
    port,
    login,
    password,
    schema,
    extra,
    description: options.description ?? description,
  };
}

function parse(id: string, { option, text }: { option: string; text: string }): ReturnType<typeof parseConnection> {
  try {
    return parseConnection(id, option, text);
  } catch (error) {
    throw error instanceof MillraceError ? new MillraceError("USAGE", error.message, { hint: error.hint }) : error;
  }
}

/** The connection as a URI or JSON, and the option it is from. */
async function readText(options: AddOptions): Promise<{ option: string; text: string }> {
  const { uri, json } = options;
  const fields = FIELD_FLAGS.filter((name) => options[name] !== undefined);
  if ([uri !== undefined, json !== undefined, fields.length > 0].filter(Boolean).length !== 1)
    throw new MillraceError("USAGE", "expected either --uri, or --json, or --conn-type and more fields");
  if (uri !== undefined) return { option: "--uri", text: (await readArgument("--uri", uri)).toString("utf8") };
  if (json !== undefined) return { option: "--json", text: (await readArgument("--json", json)).toString("utf8") };
  if (options.connType === undefined)
    throw new MillraceError("USAGE", "--conn-type: expected the connection's kind, like kafka or aws, got none");
  const { connType, extra, host, port, login, password, schema } = options;
  const given = { conn_type: connType, host, port, login, password, schema, extra: await readObjectArgument("--extra", extra) };
  return { option: "the options", text: JSON.stringify(given) };
}
