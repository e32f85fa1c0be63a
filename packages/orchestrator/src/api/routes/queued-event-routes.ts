import { type Static, Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { QueuedEventRead } from "../../domain/queued-event-reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { actorOf } from "../auth/require-role.ts";
import { toInstant } from "../resources/instant.ts";
import { Instant } from "../resources/nullable.ts";
import { getDag } from "./found.ts";
import { queryObject } from "./query.ts";

const QueuedEvent = Type.Object({
  dag_id: Type.String(),
  asset_id: Type.Integer(),
  /** Of the oldest of them. */
  created_at: Instant,
  dag_display_name: Type.String(),
  /** Ours: how many events of the asset wait for the DAG. */
  count: Type.Integer(),
});
const QueuedEvents = Type.Object({ queued_events: Type.Array(QueuedEvent), total_entries: Type.Integer() });
const Before = queryObject({ before: Type.Optional(Type.String({ format: "date-time" })) });
const AssetPath = Type.Object({ asset_id: Type.Integer() });
const DagPath = Type.Object({ dag_id: Type.String() });
const tags = ["Asset"];

export function queuedEventRoutes(app: ApiServer, context: ApiContext): void {
  const { reads } = context;
  const ofAsset = {
    tags,
    summary: "The DAGs that events of an asset wait for",
    params: AssetPath,
    querystring: Before,
    response: { 200: QueuedEvents },
  };
  app.get("/api/v2/assets/:asset_id/queuedEvents", { schema: ofAsset }, async ({ params, query }) => {
    await assertAsset(params.asset_id);
    return toCollection(await reads.queuedEvents.list({ assetId: params.asset_id, ...readBefore(query) }));
  });
  const ofDag = { tags, summary: "The events that wait for a DAG", params: DagPath, querystring: Before, response: { 200: QueuedEvents } };
  app.get("/api/v2/dags/:dag_id/assets/queuedEvents", { schema: ofDag }, async ({ params, query }) => {
    const { dagId } = await getDag(reads, params.dag_id);
    return toCollection(await reads.queuedEvents.list({ dagId, ...readBefore(query) }));
  });
  const one = {
    tags,
    summary: "The events of one asset that wait for one DAG",
    params: Type.Object({ ...DagPath.properties, ...AssetPath.properties }),
    querystring: Before,
    response: { 200: QueuedEvent },
  };
  app.get("/api/v2/dags/:dag_id/assets/:asset_id/queuedEvents", { schema: one }, async ({ params, query }) => {
    const { dagId } = await getDag(reads, params.dag_id);
    await assertAsset(params.asset_id);
    const [found] = await reads.queuedEvents.list({ dagId, assetId: params.asset_id, ...readBefore(query) });
    if (found !== undefined) return toQueuedEvent(found);
    throw new MillraceError("NOT_FOUND", `no event of the asset with id ${params.asset_id} waits for DAG '${dagId}'`, {
      hint: `GET /api/v2/dags/${dagId}/assets/queuedEvents shows what waits`,
    });
  });

  dropRoute(app, context);

  async function assertAsset(id: number): Promise<void> {
    if ((await reads.assets.find(id)) === null) throw new MillraceError("ASSET_NOT_FOUND", `there is no asset with id ${id}`);
  }
}

function dropRoute(app: ApiServer, { reads, engine, audit, clock }: ApiContext): void {
  const schema = { tags, summary: "The events that wait for a DAG start nothing", params: DagPath, response: { 204: Type.Null() } };
  app.delete("/api/v2/dags/:dag_id/assets/queuedEvents", { config: { role: "operator" }, schema }, async ({ params, account }, reply) => {
    const { dagId } = await getDag(reads, params.dag_id);
    const count = await engine.dropPendingEvents(dagId);
    await audit.record(actorOf({ account }, clock), "dag.drop_events", dagId, { count });
    return reply.status(204).send(null);
  });
}

function readBefore({ before }: Static<typeof Before>): { before?: number } {
  return before === undefined ? {} : { before: Date.parse(before) };
}

function toCollection(found: readonly QueuedEventRead[]): Static<typeof QueuedEvents> {
  return { queued_events: found.map(toQueuedEvent), total_entries: found.length };
}

function toQueuedEvent({ dagId, assetId, createdAt, count }: QueuedEventRead): Static<typeof QueuedEvent> {
  return { dag_id: dagId, asset_id: assetId, created_at: toInstant(createdAt), dag_display_name: dagId, count };
}
