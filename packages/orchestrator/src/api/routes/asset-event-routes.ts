import { Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { AssetEventRead } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import {
  AssetEventCollectionSchema,
  AssetEventSchema,
  DecisionCollectionSchema,
  toAssetEvent,
  toDecision,
} from "../resources/asset-event-resource.ts";
import { pageQuery, queryObject, readPage, readTimeRange, timeQuery } from "./query.ts";

const EventPath = Type.Object({ event_id: Type.Integer() });
const EventQuery = queryObject({
  ...pageQuery,
  ...timeQuery("timestamp"),
  asset_id: Type.Optional(Type.Integer()),
  name_pattern: Type.Optional(Type.String({ description: "part of the asset's name, in any case" })),
  source_dag_id: Type.Optional(Type.String()),
  source_task_id: Type.Optional(Type.String()),
  source_run_id: Type.Optional(Type.String()),
  source_map_index: Type.Optional(Type.Integer()),
});

export function assetEventRoutes(app: ApiServer, { reads }: ApiContext): void {
  const tags = ["Asset"];
  const list = { tags, summary: "Asset events", querystring: EventQuery, response: { 200: AssetEventCollectionSchema } };
  app.get("/api/v2/assets/events", { schema: list }, async ({ query }) => {
    const filter = {
      assetId: query.asset_id,
      namePart: query.name_pattern,
      sourceDagId: query.source_dag_id,
      sourceTaskId: query.source_task_id,
      sourceRunId: query.source_run_id,
      sourceMapIndex: query.source_map_index,
      created: readTimeRange(query, "timestamp"),
    };
    const { rows, total } = await reads.assetEvents.list(filter, readPage(query, ["timestamp", "id"]));
    return { asset_events: rows.map(toAssetEvent), total_entries: total };
  });
  const one = { tags, summary: "One asset event", params: EventPath, response: { 200: AssetEventSchema } };
  app.get("/api/v2/assets/events/:event_id", { schema: one }, async ({ params }) => toAssetEvent(await getEvent(params.event_id)));
  const decisions = {
    tags,
    summary: "What an event did for each DAG, and why",
    params: EventPath,
    response: { 200: DecisionCollectionSchema },
  };
  app.get("/api/v2/assets/events/:event_id/decisions", { schema: decisions }, async ({ params }) => {
    const event = await getEvent(params.event_id);
    const found = await reads.assetEvents.decisions(event);
    return { decisions: found.map((decision) => toDecision(decision, event.name)), total_entries: found.length };
  });

  async function getEvent(id: number): Promise<AssetEventRead> {
    const event = await reads.assetEvents.find(id);
    if (event === null) throw new MillraceError("ASSET_EVENT_NOT_FOUND", `there is no asset event with id ${id}`);
    return event;
  }
}
