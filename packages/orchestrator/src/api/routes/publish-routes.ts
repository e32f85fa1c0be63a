import { Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { actorOf } from "../auth/require-role.ts";
import { AnyObject, nullable } from "../resources/nullable.ts";

const PATH = "/api/v2/publish";
const MAX_COUNT = 10_000;
const MAX_BODY_BYTES = 4 * 1024 * 1024;

const Message = Type.Object(
  {
    connection_id: Type.String({ minLength: 1 }),
    queue: Type.String({ minLength: 1, maxLength: 2000, description: "its URL, or its bare name" }),
    body: Type.Optional(Type.String({ description: "the message as text" })),
    body_base64: Type.Optional(Type.String({ description: "or as bytes", pattern: "^[A-Za-z0-9+/]*={0,2}$" })),
    key: Type.Optional(nullable(Type.String({ minLength: 1 }))),
    headers: Type.Optional(Type.Record(Type.String(), Type.String())),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_COUNT, default: 1 })),
  },
  { additionalProperties: false },
);
const PublishedMessages = Type.Object({
  connection_id: Type.String(),
  kind: Type.String(),
  params: AnyObject,
  message_ids: Type.Array(Type.String()),
});

export function publishRoutes(app: ApiServer, { publish, audit, clock }: ApiContext): void {
  const schema = {
    tags: ["Publish"],
    summary: "Sends a message to a queue at once; answered when the broker has it",
    body: Message,
    response: { 200: PublishedMessages },
  };
  app.post(PATH, { config: { role: "operator" }, bodyLimit: MAX_BODY_BYTES * 2, schema }, async ({ body: message, account }) => {
    const { connection_id: connection, queue, body, body_base64: base64, key = null, headers = {}, count = 1 } = message;
    if ((body === undefined) === (base64 === undefined))
      throw new MillraceError(
        "BAD_REQUEST",
        `expected one of the fields 'body' and 'body_base64', got ${body === undefined ? "none" : "both"}`,
      );
    const bytes = body === undefined ? Buffer.from(base64!, "base64") : Buffer.from(body);
    await audit.record(actorOf({ account }, clock), "publish", connection, { queue, count });
    const { kind, params, messageIds } = await publish({ connection, queue, body: bytes, key: key || null, headers, count });
    return { connection_id: connection, kind, params: { ...params }, message_ids: [...messageIds] };
  });
}
