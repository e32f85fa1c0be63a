import { type Static, Type } from "typebox";
import type { AssetRef } from "../../domain/engine-control.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { AssetEventRead } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { actorOf } from "../auth/require-role.ts";
import {
  AssetEventCollectionSchema,
  AssetEventSchema,
  DecisionCollectionSchema,
  toAssetEvent,
  toDecision,
} from "../resources/asset-event-resource.ts";
import { AnyObject, nullable } from "../resources/nullable.ts";
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

/** By Airflow's `asset_id`, or by `name` or `uri`. */
const NewEvent = Type.Object(
  {
    asset_id: Type.Optional(Type.Integer()),
    name: Type.Optional(Type.String({ minLength: 1 })),
    uri: Type.Optional(Type.String({ minLength: 1 })),
    payload: Type.Optional(Type.Unknown({ description: "checked against the asset's schema; null where it is left out" })),
    extra: Type.Optional(nullable(AnyObject)),
    partition_key: Type.Optional(nullable(Type.String({ maxLength: 250, pattern: "\\S" }))),
    access_control: Type.Optional(Type.Null()),
  },
  { additionalProperties: false },
);
const tags = ["Asset"];

export function assetEventRoutes(app: ApiServer, context: ApiContext): void {
  const { reads } = context;
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

  createRoute(app, context, getEvent);

  async function getEvent(id: number): Promise<AssetEventRead> {
    const event = await reads.assetEvents.find(id);
    if (event === null) throw new MillraceError("ASSET_EVENT_NOT_FOUND", `there is no asset event with id ${id}`);
    return event;
  }
}

function createRoute(app: ApiServer, { engine, audit, clock }: ApiContext, getEvent: (id: number) => Promise<AssetEventRead>): void {
  const schema = { tags, summary: "Makes an asset event by hand", body: NewEvent, response: { 200: AssetEventSchema } };
  app.post("/api/v2/assets/events", { config: { role: "operator" }, schema }, async ({ body, account }) => {
    const { payload = null, extra = null, partition_key: partitionKey } = body;
    const asset = readAssetRef(body);
    const { id, assetId } = await engine.createAssetEvent({ asset, payload, extra, partitionKey: partitionKey || null });
    await audit.record(actorOf({ account }, clock), "asset_event.create", String(assetId), { event: id });
    return toAssetEvent(await getEvent(id));
  });
}

/** @throws {MillraceError} BAD_REQUEST unless there is exactly one */
function readAssetRef({ asset_id: id, name, uri }: Static<typeof NewEvent>): AssetRef {
  const refs: AssetRef[] = [];
  if (id !== undefined) refs.push({ id });
  if (name !== undefined) refs.push({ name });
  if (uri !== undefined) refs.push({ uri });
  const [ref] = refs;
  if (ref !== undefined && refs.length === 1) return ref;
  throw new MillraceError(
    "BAD_REQUEST",
    `expected one of the fields 'asset_id', 'name' and 'uri', got ${refs.length === 0 ? "none" : refs.length}`,
  );
}
