import { Type } from "typebox";
import { isAtLeast, actorOf } from "../auth/require-role.ts";
import type { Account } from "../../domain/account-store.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import {
  ConnectionCollectionSchema,
  type ConnectionPatch,
  ConnectionPatchSchema,
  ConnectionSchema,
  NewConnectionSchema,
  toConnection,
} from "../resources/connection-resource.ts";
import { type BulkAction, bulkBody, BulkResult, changeInBulk } from "./bulk-routes.ts";
import { connectionChanges } from "./entity-changes.ts";
import { pageOf, pageQuery, queryObject, readPage } from "./query.ts";

const PATH = "/api/v2/connections";
const ConnectionPath = Type.Object({ connection_id: Type.String() });
const ListQuery = queryObject({
  ...pageQuery,
  connection_id_pattern: Type.Optional(Type.String({ description: "part of the id, in any case" })),
});
const tags = ["Connection"];

/** A viewer sees that a connection is there, and no more. */
const view = (account: Account | null) => ({ isBrief: account === null || !isAtLeast(account.role, "operator") });

export function connectionRoutes(app: ApiServer, context: ApiContext): void {
  const { connections } = context;
  const list = {
    tags,
    summary: "The connections, of the environment and stored; secrets are never shown",
    querystring: ListQuery,
    response: { 200: ConnectionCollectionSchema },
  };
  app.get(PATH, { schema: list }, async ({ query, account }) => {
    const part = (query.connection_id_pattern ?? "").toLowerCase();
    const found = (await connections.list()).filter(({ id }) => id.toLowerCase().includes(part));
    const rows = pageOf(found, readPage(query, ["connection_id", "id"]));
    return { connections: rows.map((entry) => toConnection(entry, view(account))), total_entries: found.length };
  });
  const one = { tags, summary: "One connection", params: ConnectionPath, response: { 200: ConnectionSchema } };
  app.get(`${PATH}/:connection_id`, { schema: one }, async ({ params, account }) =>
    toConnection(await connections.entry(params.connection_id), view(account)),
  );
  writeRoutes(app, context);
}

function writeRoutes(app: ApiServer, context: ApiContext): void {
  const { clock } = context;
  const config = { role: "admin" } as const;
  const changes = connectionChanges(context);
  const create = { tags, summary: "Stores a connection, encrypted", body: NewConnectionSchema, response: { 201: ConnectionSchema } };
  app.post(PATH, { config, schema: create }, async ({ body, account }, reply) =>
    reply.status(201).send(toConnection(await changes.create(body, actorOf({ account }, clock)), view(account))),
  );
  const patch = {
    tags,
    summary: "Changes the given fields of a stored connection; `***` keeps what is stored",
    params: ConnectionPath,
    querystring: queryObject({ update_mask: Type.Optional(Type.Array(Type.String())) }),
    body: ConnectionPatchSchema,
    response: { 200: ConnectionSchema },
  };
  app.patch(`${PATH}/:connection_id`, { config, schema: patch }, async ({ params, query, body, account }) => {
    const entry = await changes.update(params.connection_id, body, query.update_mask, actorOf({ account }, clock));
    return toConnection(entry, view(account));
  });
  const remove = { tags, summary: "Deletes a stored connection", params: ConnectionPath, response: { 204: Type.Null() } };
  app.delete(`${PATH}/:connection_id`, { config, schema: remove }, async ({ params, account }, reply) => {
    await changes.delete(params.connection_id, actorOf({ account }, clock));
    return reply.status(204).send(null);
  });
  const bulk = {
    tags,
    summary: "Stores, changes and deletes many connections",
    body: bulkBody(NewConnectionSchema),
    response: { 200: BulkResult },
  };
  app.patch(PATH, { config, schema: bulk }, async ({ body, account }) =>
    changeInBulk(changes, body.actions as readonly BulkAction<ConnectionPatch>[], actorOf({ account }, clock)),
  );
}
