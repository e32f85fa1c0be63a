import { Type } from "typebox";
import type { ProcessState, Role } from "../../domain/cluster.ts";
import type { Clock } from "../../domain/clock.ts";
import type { Reads } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { NullableText } from "../resources/nullable.ts";

const Part = Type.Object({ status: NullableText });
const Health = Type.Object({
  metadatabase: Part,
  scheduler: Type.Object({ status: NullableText, latest_scheduler_heartbeat: NullableText }),
  triggerer: Type.Object({ status: NullableText, latest_triggerer_heartbeat: NullableText }),
  dag_processor: Type.Object({ status: NullableText, latest_dag_processor_heartbeat: NullableText }),
  executor: Part,
});
const Version = Type.Object({ version: Type.String(), git_version: NullableText });

/** A reader that takes longer has too much to do, or is gone. */
const READ_LIMIT_MS = 2_000;

export function monitorRoutes(app: ApiServer, { reads, engine, processStates, version, clock }: ApiContext): void {
  const health = {
    tags: ["Monitor"],
    summary: "200 once runs can start, 503 before",
    security: [],
    response: { 200: Health, 503: Health },
  };
  app.get("/api/v2/monitor/health", { config: { role: "public" }, schema: health }, async (_request, reply) => {
    const { isReady, loader, scheduler, triggerer, executor } = engine.health();
    const isReadable = await answers(reads, clock);
    const now = clock.now();
    const heartbeats = {
      scheduler: heartbeatOf("scheduler", processStates(), now),
      triggerer: heartbeatOf("triggerer", processStates(), now),
    };
    const status = (isUp: boolean): { status: string } => ({ status: isUp ? "healthy" : "unhealthy" });
    return reply.status(isReady && isReadable ? 200 : 503).send({
      metadatabase: status(isReadable),
      scheduler: { ...status(scheduler), latest_scheduler_heartbeat: scheduler ? heartbeats.scheduler : null },
      triggerer: { ...status(triggerer), latest_triggerer_heartbeat: triggerer ? heartbeats.triggerer : null },
      dag_processor: { ...status(loader), latest_dag_processor_heartbeat: loader ? heartbeats.scheduler : null },
      executor: status(executor),
    });
  });
  const schema = { tags: ["Version"], summary: "The version that answers", security: [], response: { 200: Version } };
  app.get("/api/v2/version", { config: { role: "public" }, schema }, async () => ({ version, git_version: null }));
}

/** Of the process with that role whose heartbeat was seen last; null where there is none. */
function heartbeatOf(role: Role, states: readonly ProcessState[], now: number): string | null {
  const ages = states.filter(({ roles }) => roles.includes(role)).map(({ heartbeatAgeMs }) => heartbeatAgeMs);
  return ages.length === 0 ? null : new Date(now - Math.min(...ages)).toISOString();
}

/** Whether the metadata DB can be read. */
async function answers(reads: Reads, clock: Clock): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const cancel = clock.after(READ_LIMIT_MS, () => late.resolve(false));
  const read = reads.watchers.list().then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([read, late.promise]);
  } finally {
    cancel();
  }
}
