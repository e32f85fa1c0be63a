import type { Connection, DestinationKind, Provider, TriggerKind } from "@millrace/sdk/provider";
import { MillraceError } from "../../domain/errors.ts";

/** The provider, but it opens nothing over a connection that is another system's. */
export function checkConnTypes(provider: Provider): Provider {
  const triggers = Object.entries(provider.triggers).map(([kind, trigger]) => [kind, checkedTrigger(provider, trigger)] as const);
  const destinations = Object.entries(provider.destinations).map(([kind, one]) => [kind, checkedDestination(provider, one)] as const);
  return { ...provider, triggers: Object.fromEntries(triggers), destinations: Object.fromEntries(destinations) };
}

function checkedTrigger(provider: Provider, kind: TriggerKind): TriggerKind {
  return {
    params: kind.params,
    sharing: kind.sharing,
    canonical: (params) => kind.canonical(params),
    queues: (params) => kind.queues(params),
    completeConnection: (params, id, found) => (kind.completeConnection === undefined ? found : kind.completeConnection(params, id, found)),
    open: async (params, connection, context) => {
      assertConnType(provider, connection);
      return kind.open(params, connection, context);
    },
  };
}

function checkedDestination(provider: Provider, kind: DestinationKind): DestinationKind {
  return {
    params: kind.params,
    options: kind.options,
    lane: (params) => kind.lane(params),
    messageOptions: (message) => kind.messageOptions?.(message) ?? {},
    completeConnection: (params, id, found) => (kind.completeConnection === undefined ? found : kind.completeConnection(params, id, found)),
    openPublisher: async (connection, context) => {
      assertConnType(provider, connection);
      return kind.openPublisher(connection, context);
    },
  };
}

/** @throws {MillraceError} CONNECTION_INVALID */
function assertConnType({ name, connTypes }: Provider, { id, connType }: Connection): void {
  if (connTypes.includes(connType)) return;
  const expected = connTypes.map((type) => `'${type}'`).join(" or ");
  throw new MillraceError("CONNECTION_INVALID", `connection '${id}': expected conn_type ${expected} for ${name}, got '${connType}'`, {
    hint: "correct the connection's conn_type, or name another connection in the DAG file",
  });
}
