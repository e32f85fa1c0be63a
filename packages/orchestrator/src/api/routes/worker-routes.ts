import { type Static, Type } from "typebox";
import type { WorkerHealth } from "../../domain/health.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { toInstant, toNullableInstant } from "../resources/instant.ts";
import { Instant, NullableInstant, NullableText } from "../resources/nullable.ts";
import { queryObject } from "./query.ts";

const Worker = Type.Object({
  worker_id: Type.String(),
  /** The scheduler that gives it tasks; a worker that has several comes once for each. */
  process_id: Type.Integer(),
  host: Type.String(),
  pid: Type.Integer(),
  version: Type.String(),
  /** starting, connected, blocked, draining, disconnected, refused */
  state: Type.String(),
  since: Instant,
  slots: Type.Integer(),
  running: Type.Integer(),
  last_heartbeat: NullableInstant,
  /** Why it gets no work, or not all of it; null where it does. */
  reason: NullableText,
});
const WorkerCollection = Type.Object({ workers: Type.Array(Worker), total_entries: Type.Integer() });

export function workerRoutes(app: ApiServer, { processes }: ApiContext): void {
  const schema = {
    tags: ["Worker"],
    summary: "The workers that run tasks, on this machine and on others, and how they are",
    querystring: queryObject({}),
    response: { 200: WorkerCollection },
  };
  app.get("/api/v2/workers", { schema }, async () => {
    const found = (await processes()).flatMap(({ id, status }) => (status?.workers ?? []).map((worker) => toWorker(worker, id)));
    return { workers: found, total_entries: found.length };
  });
}

function toWorker(worker: WorkerHealth, processId: number): Static<typeof Worker> {
  const { id, host, pid, version, state, since, slots, running, lastHeartbeatAt, reason } = worker;
  const instants = { since: toInstant(since), last_heartbeat: toNullableInstant(lastHeartbeatAt) };
  return { worker_id: id, process_id: processId, host, pid, version, state, ...instants, slots, running, reason };
}
