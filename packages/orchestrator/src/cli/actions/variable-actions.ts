import { MillraceError } from "../../domain/errors.ts";
import type { ApiClient } from "../api-client.ts";
import type { VariableBody } from "../access-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatTable, print } from "../output/print.ts";
import { readArgument } from "../read-argument.ts";
import { apiPath, openClient } from "./open-client.ts";

interface SetOptions extends ClientOptions {
  readonly description?: string;
}

const MAX_ROWS = 1_000;
const MAX_PREVIEW = 60;

export async function listVariables(context: CommandContext, options: ClientOptions): Promise<void> {
  const { variables } = await openClient(context, options).get<{ variables: VariableBody[] }>("/variables", { limit: MAX_ROWS });
  const columns = [
    { title: "KEY", cell: (one: VariableBody) => one.key },
    { title: "VALUE", cell: (one: VariableBody) => preview(one.value ?? "") },
    { title: "FROM", cell: (one: VariableBody) => one.variable ?? "database" },
    { title: "DESCRIPTION", cell: (one: VariableBody) => one.error ?? one.description ?? "" },
  ];
  const none = "no variables; add one with `millrace variables set`, or set MILLRACE_VAR_<KEY> where the server is started";
  print(options.output, variables, () => formatTable(variables, columns, none));
}

function preview(value: string): string {
  const [line = ""] = value.split("\n", 1);
  return line.length === value.length && line.length <= MAX_PREVIEW ? line : `${line.slice(0, MAX_PREVIEW - 1)}…`;
}

/** For people the value alone, so that `$(millrace variables get …)` is it. */
export async function getVariable(context: CommandContext, key: string, options: ClientOptions): Promise<void> {
  const one = await openClient(context, options).get<VariableBody>(apiPath`/variables/${key}`);
  if (one.error !== null) throw new MillraceError("SECRET_UNREADABLE", one.error.replace(/^[A-Z_]+: /, ""));
  print(options.output, one, () => one.value ?? "");
}

export async function setVariable(context: CommandContext, key: string, argument: string, options: SetOptions): Promise<void> {
  const value = (await readArgument("VALUE", argument)).toString("utf8");
  const { description } = options;
  const body = { key, value, ...(description === undefined ? {} : { description }) };
  const stored = await store(openClient(context, options), body);
  print(options.output, stored, () => `variable '${key}' is stored`);
}

async function store(client: ApiClient, body: { readonly key: string }): Promise<VariableBody> {
  try {
    return await client.patch<VariableBody>(apiPath`/variables/${body.key}`, body);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "VARIABLE_NOT_FOUND") throw error;
    return client.post<VariableBody>("/variables", body);
  }
}

export async function deleteVariable(context: CommandContext, key: string, options: ClientOptions): Promise<void> {
  await openClient(context, options).delete(apiPath`/variables/${key}`);
  print(options.output, { key, deleted: true }, () => `variable '${key}' is deleted`);
}
