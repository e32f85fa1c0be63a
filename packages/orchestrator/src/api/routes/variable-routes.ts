import { type Static, Type } from "typebox";
import { actorOf, isAtLeast } from "../auth/require-role.ts";
import type { Account } from "../../domain/account-store.ts";
import type { VariableEntry } from "../../domain/variable-store.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { isSecretName, MASK } from "../resources/masked-value.ts";
import { NO_DOTS, nullable, NullableText } from "../resources/nullable.ts";
import { type BulkAction, bulkBody, BulkResult, changeInBulk } from "./bulk-routes.ts";
import { type VariablePatch, variableChanges } from "./entity-changes.ts";
import { pageOf, pageQuery, queryObject, readPage } from "./query.ts";

const PATH = "/api/v2/variables";
const Variable = Type.Object({
  key: Type.String(),
  /** `***` where the key is a secret's name; null where it cannot be read, and for viewers. */
  value: NullableText,
  description: NullableText,
  is_encrypted: Type.Boolean(),
  team_name: Type.Null(),
  /** Ours: where it comes from, and why it cannot be read. */
  source: Type.Union([Type.Literal("environment"), Type.Literal("database")]),
  variable: NullableText,
  error: NullableText,
});
const VariableCollection = Type.Object({ variables: Type.Array(Variable), total_entries: Type.Integer() });
const VariablePath = Type.Object({ variable_key: Type.String() });
const fields = {
  key: Type.String({ minLength: 1, maxLength: 250, pattern: NO_DOTS }),
  value: Type.Unknown({ description: "text; anything else is stored as its JSON" }),
  description: Type.Optional(nullable(Type.String({ maxLength: 5000 }))),
  team_name: Type.Optional(Type.Null()),
};
const NewVariable = Type.Object(fields, { additionalProperties: false });
const VariablePatchSchema = Type.Partial(NewVariable, { additionalProperties: false });
const ListQuery = queryObject({
  ...pageQuery,
  variable_key_pattern: Type.Optional(Type.String({ description: "part of the key, in any case" })),
});
const tags = ["Variable"];

export function variableRoutes(app: ApiServer, context: ApiContext): void {
  const { variables } = context;
  const list = {
    tags,
    summary: "The variables, of the environment and stored",
    querystring: ListQuery,
    response: { 200: VariableCollection },
  };
  app.get(PATH, { schema: list }, async ({ query, account }) => {
    const part = (query.variable_key_pattern ?? "").toLowerCase();
    const found = (await variables.list()).filter(({ key }) => key.toLowerCase().includes(part));
    const rows = pageOf(found, readPage(query, ["key", "id"]));
    return { variables: rows.map((entry) => toVariable(entry, account)), total_entries: found.length };
  });
  const one = { tags, summary: "One variable", params: VariablePath, response: { 200: Variable } };
  app.get(`${PATH}/:variable_key`, { schema: one }, async ({ params, account }) =>
    toVariable(await variables.entry(params.variable_key), account),
  );
  writeRoutes(app, context);
}

function writeRoutes(app: ApiServer, context: ApiContext): void {
  const { clock } = context;
  const config = { role: "admin" } as const;
  const changes = variableChanges(context);
  const create = { tags, summary: "Stores a variable, encrypted", body: NewVariable, response: { 201: Variable } };
  app.post(PATH, { config, schema: create }, async ({ body, account }, reply) =>
    reply.status(201).send(toVariable(await changes.create(body, actorOf({ account }, clock)), account)),
  );
  const patch = {
    tags,
    summary: "Changes a stored variable",
    params: VariablePath,
    querystring: queryObject({ update_mask: Type.Optional(Type.Array(Type.String())) }),
    body: VariablePatchSchema,
    response: { 200: Variable },
  };
  app.patch(`${PATH}/:variable_key`, { config, schema: patch }, async ({ params, query, body, account }) =>
    toVariable(await changes.update(params.variable_key, body, query.update_mask, actorOf({ account }, clock)), account),
  );
  const remove = { tags, summary: "Deletes a stored variable", params: VariablePath, response: { 204: Type.Null() } };
  app.delete(`${PATH}/:variable_key`, { config, schema: remove }, async ({ params, account }, reply) => {
    await changes.delete(params.variable_key, actorOf({ account }, clock));
    return reply.status(204).send(null);
  });
  const bulk = { tags, summary: "Stores, changes and deletes many variables", body: bulkBody(NewVariable), response: { 200: BulkResult } };
  app.patch(PATH, { config, schema: bulk }, async ({ body, account }) =>
    changeInBulk(changes, body.actions as readonly BulkAction<VariablePatch>[], actorOf({ account }, clock)),
  );
}

function toVariable({ key, value, description, variable, error }: VariableEntry, account: Account | null): Static<typeof Variable> {
  const isHidden = account === null || !isAtLeast(account.role, "operator");
  return {
    key,
    value: isHidden ? null : value !== null && value !== "" && isSecretName(key) ? MASK : value,
    description,
    is_encrypted: variable === null,
    team_name: null,
    source: variable === null ? "database" : "environment",
    variable,
    error: error === null ? null : `${error.code}: ${error.message}`,
  };
}
