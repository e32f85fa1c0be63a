import { type Static, Type } from "typebox";
import type { ProcessView } from "../../domain/process-status.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { toInstant } from "../resources/instant.ts";
import { Instant, NullableText } from "../resources/nullable.ts";
import { queryObject } from "./query.ts";

const Process = Type.Object({
  process_id: Type.Integer(),
  /** scheduler, triggerer, api-server */
  roles: Type.Array(Type.String()),
  host: Type.String(),
  pid: Type.Integer(),
  /** live; draining: it takes nothing more; silent: it has missed several heartbeats */
  state: Type.String(),
  started_at: Instant,
  /** For so long its heartbeat has stood still, as the process that answers sees it. */
  heartbeat_age_seconds: Type.Number(),
  shards: Type.Integer(),
  /** Runs that it was given and has not started yet. */
  load: Type.Integer(),
  /** Where workers of other machines connect. */
  worker_address: NullableText,
  version: NullableText,
  /** Workers that it gives tasks to. */
  workers: Type.Integer(),
  /** Triggers that it has open. */
  triggers: Type.Integer(),
});
const ProcessCollection = Type.Object({ processes: Type.Array(Process), total_entries: Type.Integer() });

export function processRoutes(app: ApiServer, { processes }: ApiContext): void {
  const schema = {
    tags: ["Monitor"],
    summary: "The processes on this metadata DB, and how they are",
    querystring: queryObject({}),
    response: { 200: ProcessCollection },
  };
  app.get("/api/v2/processes", { schema }, async () => {
    const found = (await processes()).map(toProcess);
    return { processes: found, total_entries: found.length };
  });
}

function toProcess(view: ProcessView): Static<typeof Process> {
  const { id, roles, host, pid, state, startedAt, heartbeatAgeMs, shards, load, address, status } = view;
  return {
    process_id: id,
    roles: [...roles],
    host,
    pid,
    state,
    started_at: toInstant(startedAt),
    heartbeat_age_seconds: heartbeatAgeMs / 1_000,
    shards,
    load,
    worker_address: address,
    version: status?.version ?? null,
    workers: status?.workers.length ?? 0,
    triggers: status?.triggers.length ?? 0,
  };
}
