import type { Connection, DestinationKind, TriggerKind } from "@millrace/sdk/provider";
import type { Connections } from "./connections.ts";
import { MillraceError } from "./errors.ts";

/** The connection of a trigger or destination, as its kind completes it. @throws {MillraceError} CONNECTION_NOT_FOUND, CONNECTION_INVALID */
export async function connectionOf(
  kind: Pick<TriggerKind | DestinationKind, "completeConnection">,
  params: object,
  id: string,
  connections: Connections,
): Promise<Connection> {
  const found = await findConnection(connections, id);
  const isFound = !(found instanceof MillraceError);
  const used = kind.completeConnection === undefined ? found : kind.completeConnection(params, id, isFound ? found : null);
  if (used === null || used instanceof MillraceError) throw found;
  return used;
}

/** What is missing is told where nothing takes its place. */
async function findConnection(connections: Connections, id: string): Promise<Connection | MillraceError> {
  if (id === "") return new MillraceError("CONNECTION_NOT_FOUND", "the trigger names no connection");
  try {
    return await connections.get(id);
  } catch (error) {
    if (error instanceof MillraceError && error.code === "CONNECTION_NOT_FOUND") return error;
    throw error;
  }
}
