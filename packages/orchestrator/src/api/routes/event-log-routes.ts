import { type Static, Type } from "typebox";
import type { AuditRead } from "../../domain/audit-reads.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { toInstant } from "../resources/instant.ts";
import { Instant, NullableInstant, NullableInteger, NullableText } from "../resources/nullable.ts";
import { pageQuery, queryObject, readPage } from "./query.ts";

const EventLog = Type.Object({
  event_log_id: Type.Integer(),
  when: Instant,
  dag_id: NullableText,
  task_id: NullableText,
  run_id: NullableText,
  map_index: NullableInteger,
  try_number: NullableInteger,
  event: Type.String(),
  logical_date: NullableInstant,
  owner: NullableText,
  /** JSON. */
  extra: NullableText,
  dag_display_name: NullableText,
  task_display_name: NullableText,
  /** Ours: what was changed, such as the id of a connection. */
  subject: Type.String(),
});
const EventLogCollection = Type.Object({ event_logs: Type.Array(EventLog), total_entries: Type.Integer() });
const EventLogQuery = queryObject({
  ...pageQuery,
  dag_id: Type.Optional(Type.String()),
  owner: Type.Optional(Type.String()),
  event: Type.Optional(Type.String({ description: "like connection.save" })),
  before: Type.Optional(Type.String({ format: "date-time" })),
  after: Type.Optional(Type.String({ format: "date-time" })),
});
const tags = ["Event Log"];
const config = { role: "operator" } as const;

export function eventLogRoutes(app: ApiServer, { reads }: ApiContext): void {
  const list = { tags, summary: "What people changed, and when", querystring: EventLogQuery, response: { 200: EventLogCollection } };
  app.get("/api/v2/eventLogs", { config, schema: list }, async ({ query }) => {
    const at = { from: query.after === undefined ? undefined : Date.parse(query.after) + 1, before: parse(query.before) };
    const filter = { userName: query.owner, action: query.event, subject: query.dag_id, at };
    const { rows, total } = await reads.audit.list(filter, readPage(query, ["event_log_id", "when"]));
    return { event_logs: rows.map(toEventLog), total_entries: total };
  });
  const one = {
    tags,
    summary: "One of them",
    params: Type.Object({ event_log_id: Type.Integer() }),
    response: { 200: EventLog },
  };
  app.get("/api/v2/eventLogs/:event_log_id", { config, schema: one }, async ({ params }) => {
    const found = await reads.audit.find(params.event_log_id);
    if (found !== null) return toEventLog(found);
    throw new MillraceError("NOT_FOUND", `there is no event log with id ${params.event_log_id}`, { hint: "see GET /api/v2/eventLogs" });
  });
}

function parse(instant: string | undefined): number | undefined {
  return instant === undefined ? undefined : Date.parse(instant);
}

function toEventLog({ id, at, userName, action, subject, detail }: AuditRead): Static<typeof EventLog> {
  const dagId = action.startsWith("dag.") ? subject : null;
  return {
    event_log_id: id,
    when: toInstant(at),
    dag_id: dagId,
    task_id: null,
    run_id: null,
    map_index: null,
    try_number: null,
    event: action,
    logical_date: null,
    owner: userName,
    extra: detail === null ? null : JSON.stringify(detail),
    dag_display_name: dagId,
    task_display_name: null,
    subject,
  };
}
