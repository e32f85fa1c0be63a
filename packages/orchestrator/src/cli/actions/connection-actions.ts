import type { ConnectionBody } from "../access-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatFields, formatTable, print } from "../output/print.ts";
import { apiPath, openClient } from "./open-client.ts";

const MAX_ROWS = 1_000;

export async function listConnections(context: CommandContext, options: ClientOptions): Promise<void> {
  const { connections } = await openClient(context, options).get<{ connections: ConnectionBody[] }>("/connections", { limit: MAX_ROWS });
  const columns = [
    { title: "CONNECTION", cell: (one: ConnectionBody) => one.connection_id },
    { title: "TYPE", cell: (one: ConnectionBody) => one.conn_type },
    { title: "HOST", cell: describeHost },
    { title: "FROM", cell: describeOrigin },
    { title: "DESCRIPTION", cell: (one: ConnectionBody) => one.error ?? one.description ?? "" },
  ];
  const none = "no connections; add one with `millrace connections add`, or set MILLRACE_CONN_<ID> where the server is started";
  print(options.output, connections, () => formatTable(connections, columns, none));
}

export async function getConnection(context: CommandContext, id: string, options: ClientOptions): Promise<void> {
  const one = await openClient(context, options).get<ConnectionBody>(apiPath`/connections/${id}`);
  print(options.output, one, () => describeConnection(one));
}

export async function deleteConnection(context: CommandContext, id: string, options: ClientOptions): Promise<void> {
  await openClient(context, options).delete(apiPath`/connections/${id}`);
  print(options.output, { connection_id: id, deleted: true }, () => `connection '${id}' is deleted`);
}

export function describeConnection(one: ConnectionBody): string {
  return formatFields([
    ["Connection", one.connection_id],
    ["Type", one.conn_type],
    ["Host", describeHost(one) || null],
    ["Login", one.login],
    ["Password", one.password],
    ["Schema", one.schema],
    ["Extra", one.extra],
    ["Description", one.description],
    ["From", describeOrigin(one)],
    ["Error", one.error],
  ]);
}

function describeHost({ host, port }: ConnectionBody): string {
  return port === null ? (host ?? "") : `${host ?? ""}:${port}`;
}

function describeOrigin({ variable }: ConnectionBody): string {
  return variable ?? "database";
}
