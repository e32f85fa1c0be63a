import { Type } from "typebox";
import { isAtLeast, actorOf } from "../auth/require-role.ts";
import type { Account } from "../../domain/account-store.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import {
  ConnectionCollectionSchema,
  type ConnectionPatch,
  ConnectionPatchSchema,
  ConnectionSchema,
  NewConnectionSchema,
  readConnection,
  toConnection,
} from "../resources/connection-resource.ts";
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

function writeRoutes(app: ApiServer, { connections, clock }: ApiContext): void {
  const config = { role: "admin" } as const;
  const create = { tags, summary: "Stores a connection, encrypted", body: NewConnectionSchema, response: { 201: ConnectionSchema } };
  app.post(PATH, { config, schema: create }, async (request, reply) => {
    const { body } = request;
    const connection = readConnection(body.connection_id, body, null);
    const entry = await connections.create(connection, body.description || null, actorOf(request, clock));
    return reply.status(201).send(toConnection(entry, view(request.account)));
  });
  const patch = {
    tags,
    summary: "Changes the given fields of a stored connection; `***` keeps what is stored",
    params: ConnectionPath,
    querystring: queryObject({ update_mask: Type.Optional(Type.Array(Type.String())) }),
    body: ConnectionPatchSchema,
    response: { 200: ConnectionSchema },
  };
  app.patch(`${PATH}/:connection_id`, { config, schema: patch }, async (request) => {
    const { connection_id: id } = request.params;
    if (request.body.connection_id !== undefined && request.body.connection_id !== id)
      throw new MillraceError("BAD_REQUEST", `field 'connection_id': expected '${id}' as in the path, got '${request.body.connection_id}'`);
    const before = await connections.entry(id);
    const changes = onlyMasked(request.body, request.query.update_mask);
    if (before.connection === null && changes.conn_type === undefined) throw before.error!;
    const description = changes.description === undefined ? before.description : changes.description || null;
    const connection = readConnection(id, changes, before.connection);
    return toConnection(await connections.replace(connection, description, actorOf(request, clock)), view(request.account));
  });
  const remove = { tags, summary: "Deletes a stored connection", params: ConnectionPath, response: { 204: Type.Null() } };
  app.delete(`${PATH}/:connection_id`, { config, schema: remove }, async (request, reply) => {
    await connections.delete(request.params.connection_id, actorOf(request, clock));
    return reply.status(204).send(null);
  });
}

/** Airflow's `update_mask`: of the body only these fields count. */
function onlyMasked(body: ConnectionPatch, names: readonly string[] | undefined): ConnectionPatch {
  if (names === undefined || names.length === 0) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => names.includes(name)));
}
