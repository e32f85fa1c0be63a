import { loadConfig } from "../../config/config.ts";
import { EnvironmentConnections } from "../../config/connections.ts";
import { type ErrorCode, MillraceError } from "../../domain/errors.ts";
import type { ConnectionBody } from "../access-resources.ts";
import type { ApiClient } from "../api-client.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { apiPath, openClient } from "./open-client.ts";

/** Who can use a connection: the server, or this process, in whose environment it is. */
export type ConnectionPlace = { readonly client: ApiClient } | { readonly client: null; readonly connections: EnvironmentConnections };

const NOT_AT_SERVER: ReadonlySet<ErrorCode> = new Set(["SERVER_NOT_RUNNING", "CONNECTION_NOT_FOUND"]);

/**
 * This command's own environment, where the connection is there and the server does not know it; else the server.
 * @throws {MillraceError} SERVER_NOT_RUNNING where it is in neither
 */
export async function findConnection(context: CommandContext, id: string, options: ClientOptions): Promise<ConnectionPlace> {
  const connections = new EnvironmentConnections(context.env);
  if (connections.find(id) === null) return { client: openClient(context, options) };
  try {
    const client = openClient(context, options);
    await client.get<ConnectionBody>(apiPath`/connections/${id}`);
    return { client };
  } catch (error) {
    if (error instanceof MillraceError && NOT_AT_SERVER.has(error.code)) return { client: null, connections };
    throw error;
  }
}

/** What it takes to reach other systems from this process: the providers of the project. */
export async function openOutside({ env }: CommandContext) {
  const { createLog } = await import("../../telemetry/log.ts");
  const { systemClock } = await import("../../domain/clock.ts");
  const { discoverProviders } = await import("../server/discover-providers.ts");
  const { dagsFolders } = loadConfig(env);
  const log = createLog({ level: "warn", format: "human" });
  return { log, clock: systemClock, catalog: await discoverProviders([...dagsFolders, process.cwd()], log) };
}
