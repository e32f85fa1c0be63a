import { type Static, Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { DeadLetterRead } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { toInstant } from "../resources/instant.ts";
import { Headers, Instant, NullableInteger, NullableText } from "../resources/nullable.ts";
import { toText } from "../resources/stored-bytes.ts";
import { pageQuery, queryObject, readPage, readTimeRange, timeQuery } from "./query.ts";

const DeadLetter = Type.Object({
  id: Type.Integer(),
  asset_id: NullableInteger,
  asset_name: NullableText,
  trigger_id: NullableInteger,
  source: NullableText,
  partition: NullableText,
  offset: NullableInteger,
  message_id: NullableText,
  /** Text where the message is UTF-8, else base64; `value_encoding` says which. */
  value: NullableText,
  value_encoding: Type.String(),
  key: NullableText,
  headers: Headers,
  reason_code: Type.String(),
  reason: Type.String(),
  timestamp: Instant,
});
const DeadLetterCollection = Type.Object({ dead_letters: Type.Array(DeadLetter), total_entries: Type.Integer() });
const DeadLetterQuery = queryObject({
  ...pageQuery,
  ...timeQuery("timestamp"),
  asset_id: Type.Optional(Type.Integer()),
  reason_code: Type.Optional(Type.String()),
});

export function deadLetterRoutes(app: ApiServer, { reads }: ApiContext): void {
  const schema = {
    tags: ["Dead Letter"],
    summary: "Messages that could not become asset events",
    querystring: DeadLetterQuery,
    response: { 200: DeadLetterCollection },
  };
  app.get("/api/v2/deadLetters", { schema }, async ({ query }) => {
    const filter = { assetId: query.asset_id, reasonCode: query.reason_code, created: readTimeRange(query, "timestamp") };
    const { rows, total } = await reads.deadLetters.list(filter, readPage(query, ["timestamp", "id"]));
    return { dead_letters: rows.map(toDeadLetter), total_entries: total };
  });
  const one = {
    tags: ["Dead Letter"],
    summary: "One of them",
    params: Type.Object({ dead_letter_id: Type.Integer() }),
    response: { 200: DeadLetter },
  };
  app.get("/api/v2/deadLetters/:dead_letter_id", { schema: one }, async ({ params }) => {
    const letter = await reads.deadLetters.find(params.dead_letter_id);
    if (letter !== null) return toDeadLetter(letter);
    throw new MillraceError("NOT_FOUND", `there is no dead letter with id ${params.dead_letter_id}`, {
      hint: "`millrace dead-letters list` shows the newest",
    });
  });
}

function toDeadLetter(letter: DeadLetterRead): Static<typeof DeadLetter> {
  const value = toText(letter.value);
  return {
    id: letter.id,
    asset_id: letter.assetId,
    asset_name: letter.asset,
    trigger_id: letter.triggerId,
    source: letter.source,
    partition: letter.partition,
    offset: letter.offset,
    message_id: letter.messageId,
    value: value.text,
    value_encoding: value.encoding,
    key: toText(letter.messageKey).text,
    headers: letter.headers.map((header) => [...header]),
    reason_code: letter.reasonCode,
    reason: letter.reason,
    timestamp: toInstant(letter.createdAt),
  };
}
