import { styleText } from "node:util";
import type { ConnectionTestBody } from "../access-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { EXIT } from "../exit-code.ts";
import { print } from "../output/print.ts";
import { type ConnectionPlace, findConnection, openOutside } from "./find-connection.ts";

/** Exit code 1 where the connection does not work. */
export async function testConnectionById(context: CommandContext, id: string, options: ClientOptions): Promise<void> {
  const place = await findConnection(context, id, options);
  const result =
    place.client === null
      ? await testHere(context, id, place)
      : await place.client.post<ConnectionTestBody>("/connections/test", { connection_id: id });
  if (!result.status) context.setExitCode(EXIT.failure);
  const testedBy = place.client === null ? "this command" : "the server";
  print(options.output, { connection_id: id, ...result, tested_by: testedBy }, () => describe(id, result, testedBy));
}

async function testHere(
  context: CommandContext,
  id: string,
  { connections }: Extract<ConnectionPlace, { client: null }>,
): Promise<ConnectionTestBody> {
  const { testConnection } = await import("../../domain/test-connection.ts");
  const connection = await connections.get(id);
  const result = await testConnection(await openOutside(context), connection);
  return { status: result.ok, message: result.message, hint: result.ok ? null : result.hint };
}

function describe(id: string, { status, message, hint }: ConnectionTestBody, testedBy: string): string {
  const paint = (color: "green" | "red" | "cyan", text: string): string => styleText(color, text, { stream: process.stdout });
  const verdict = status ? paint("green", "works") : paint("red", "does not work");
  const lines = [`connection '${id}' ${verdict} (tried by ${testedBy}): ${message}`];
  return hint === null ? lines[0]! : [...lines, `${paint("cyan", "hint:")} ${hint}`].join("\n");
}
