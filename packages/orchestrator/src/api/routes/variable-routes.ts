import { type Static, Type } from "typebox";
import { actorOf, isAtLeast } from "../auth/require-role.ts";
import type { Account } from "../../domain/account-store.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { VariableEntry } from "../../domain/variable-store.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { isSecretName, MASK, unmask } from "../resources/masked-value.ts";
import { nullable, NullableText } from "../resources/nullable.ts";
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
  key: Type.String({ minLength: 1, maxLength: 250 }),
  value: Type.Unknown({ description: "text; anything else is stored as its JSON" }),
  description: Type.Optional(nullable(Type.String({ maxLength: 5000 }))),
  team_name: Type.Optional(Type.Null()),
};
const NewVariable = Type.Object(fields, { additionalProperties: false });
const VariablePatch = Type.Partial(NewVariable, { additionalProperties: false });
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

function writeRoutes(app: ApiServer, { variables, clock }: ApiContext): void {
  const config = { role: "admin" } as const;
  const create = { tags, summary: "Stores a variable, encrypted", body: NewVariable, response: { 201: Variable } };
  app.post(PATH, { config, schema: create }, async (request, reply) => {
    const { key, value, description } = request.body;
    const variable = { key, value: toText(unmask(value, null, "value")), description: description || null };
    return reply.status(201).send(toVariable(await variables.create(variable, actorOf(request, clock)), request.account));
  });
  const patch = {
    tags,
    summary: "Changes a stored variable",
    params: VariablePath,
    querystring: queryObject({ update_mask: Type.Optional(Type.Array(Type.String())) }),
    body: VariablePatch,
    response: { 200: Variable },
  };
  app.patch(`${PATH}/:variable_key`, { config, schema: patch }, async (request) => {
    const { variable_key: key } = request.params;
    const { body, query } = request;
    if (body.key !== undefined && body.key !== key)
      throw new MillraceError("BAD_REQUEST", `field 'key': expected '${key}' as in the path, got '${body.key}'`);
    const before = await variables.entry(key);
    const isMeant = (name: "value" | "description"): boolean => name in body && (query.update_mask?.includes(name) ?? true);
    const value = isMeant("value") ? toText(unmask(body.value, before.value, "value")) : before.value;
    if (value === null) throw before.error!;
    const description = isMeant("description") ? body.description || null : before.description;
    return toVariable(await variables.replace({ key, value, description }, actorOf(request, clock)), request.account);
  });
  const remove = { tags, summary: "Deletes a stored variable", params: VariablePath, response: { 204: Type.Null() } };
  app.delete(`${PATH}/:variable_key`, { config, schema: remove }, async (request, reply) => {
    await variables.delete(request.params.variable_key, actorOf(request, clock));
    return reply.status(204).send(null);
  });
}

function toText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
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
