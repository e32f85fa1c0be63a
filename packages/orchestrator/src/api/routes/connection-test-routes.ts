import { Type } from "typebox";
import type { Connection, ConnectionTestResult } from "@millrace/sdk/provider";
import { actorOf, assertRole } from "../auth/require-role.ts";
import type { ConnectionEntry } from "../../domain/connection-store.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { type ConnectionPatch, ConnectionPatchSchema, readConnection } from "../resources/connection-resource.ts";
import { NullableText } from "../resources/nullable.ts";

const PATH = "/api/v2/connections/test";
const TestResult = Type.Object({
  status: Type.Boolean(),
  message: Type.String(),
  /** Ours: what to do. */
  hint: NullableText,
});

export function connectionTestRoutes(app: ApiServer, { connections, testConnection, audit, clock }: ApiContext): void {
  const schema = {
    tags: ["Connection"],
    summary: "Connects with the connection of that id; or, for an admin, with the fields given: `***` stands for what is stored",
    body: ConnectionPatchSchema,
    response: { 200: TestResult },
  };
  app.post(PATH, { config: { role: "operator" }, schema }, async ({ body, account }) => {
    const id = body.connection_id ?? "";
    const isGiven = Object.keys(body).some((name) => name !== "connection_id");
    // Whoever chooses the host is sent the stored password.
    if (isGiven) assertRole(account, "admin");
    await audit.record(actorOf({ account }, clock), "connection.test", id);
    const result = isGiven ? await testConnection(await readGiven(id, body)) : await testEntry(await connections.entry(id));
    return { status: result.ok, message: result.message, hint: result.ok ? null : result.hint };
  });

  async function testEntry({ connection, error }: ConnectionEntry): Promise<ConnectionTestResult> {
    if (connection !== null) return testConnection(connection);
    return { ok: false, message: `${error!.code}: ${error!.message}`, hint: error!.hint };
  }

  async function readGiven(id: string, body: ConnectionPatch): Promise<Connection> {
    const stored = (await connections.list()).find((entry) => entry.id === id)?.connection ?? null;
    if (body.conn_type === undefined && stored === null) throw new MillraceError("BAD_REQUEST", "expected the field 'conn_type', got none");
    return readConnection(id, body, stored);
  }
}
