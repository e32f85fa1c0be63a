import { type Static, Type } from "typebox";
import { assetsOf } from "../../domain/pattern-parts.ts";
import type { HeldEvents } from "../../domain/queued-event-reads.ts";
import type { DagFilter, DagRead } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { type AssetReference, toAssetExpression } from "../resources/asset-expression.ts";
import { DagCollectionSchema, DagDetailsSchema, HoldingDagSchema, toDagDetails, toHoldingDag } from "../resources/dag-resource.ts";
import { TaskSchema, toTask } from "../resources/task-resource.ts";
import { getDag } from "./found.ts";
import { pageQuery, queryObject, readPage } from "./query.ts";

const DagPath = Type.Object({ dag_id: Type.String() });
const TaskCollection = Type.Object({ tasks: Type.Array(TaskSchema), total_entries: Type.Integer() });
const dagFilters = {
  dag_id_pattern: Type.Optional(Type.String({ description: "part of the id, in any case" })),
  dag_id_prefix_pattern: Type.Optional(Type.String()),
  exclude_stale: Type.Optional(Type.Boolean({ default: true })),
  paused: Type.Optional(Type.Boolean()),
  has_import_errors: Type.Optional(Type.Boolean()),
  tags: Type.Optional(Type.Array(Type.String())),
  tags_match_mode: Type.Optional(Type.Union([Type.Literal("any"), Type.Literal("all")])),
};
export const DagQuery = queryObject({ ...pageQuery, ...dagFilters });

export function dagRoutes(app: ApiServer, context: ApiContext): void {
  const { reads } = context;
  const tags = ["DAG"];
  app.get(
    "/api/v2/dags",
    { schema: { tags, summary: "The DAGs that are loaded", querystring: DagQuery, response: { 200: DagCollectionSchema } } },
    async ({ query }) => {
      const { rows, total } = await reads.dags.list(readDagFilter(query), readPage(query, ["dag_id"]));
      const held = await reads.queuedEvents.held();
      return { dags: rows.map((dag) => toHoldingDag(dag, held.get(dag.dagId))), total_entries: total };
    },
  );
  app.get(
    "/api/v2/dags/:dag_id",
    { schema: { tags, summary: "One DAG", params: DagPath, response: { 200: HoldingDagSchema } } },
    async ({ params }) => {
      const dag = await getDag(reads, params.dag_id);
      return toHoldingDag(dag, await findHeld(dag));
    },
  );
  dagDetailRoutes(app, context);

  async function findHeld({ dagId }: DagRead): Promise<HeldEvents | undefined> {
    return (await reads.queuedEvents.held(dagId)).get(dagId);
  }
}

/** Airflow's `~` stands for every DAG. */
export function readDagFilter(query: Static<typeof DagQuery>): DagFilter {
  return {
    dagIdPart: query.dag_id_pattern === "~" ? undefined : query.dag_id_pattern,
    dagIdPrefix: query.dag_id_prefix_pattern,
    excludeStale: query.exclude_stale ?? true,
    isPaused: query.paused,
    hasImportError: query.has_import_errors,
    tags: query.tags,
    tagsMatch: query.tags_match_mode ?? "any",
  };
}

function dagDetailRoutes(app: ApiServer, { reads }: ApiContext): void {
  const details = { tags: ["DAG"], summary: "One DAG, with what it waits for", params: DagPath, response: { 200: DagDetailsSchema } };
  app.get("/api/v2/dags/:dag_id/details", { schema: details }, async ({ params }) => {
    const dag = await getDag(reads, params.dag_id);
    const active = await reads.dagRuns.list(
      { dagId: dag.dagId, states: ["queued", "running"] },
      { limit: 0, offset: 0, order: "ascending" },
    );
    const held = await reads.queuedEvents.held(dag.dagId);
    return toDagDetails(dag, { assetExpression: await assetExpression(dag), activeRuns: active.total, held: held.get(dag.dagId) });
  });
  const tasks = {
    tags: ["Task"],
    summary: "The tasks of a DAG, in topological order",
    params: DagPath,
    querystring: queryObject({ order_by: Type.Optional(Type.String()) }),
    response: { 200: TaskCollection },
  };
  app.get("/api/v2/dags/:dag_id/tasks", { schema: tasks }, async ({ params }) => {
    const { snapshot } = (await getDag(reads, params.dag_id)).version;
    return { tasks: snapshot.tasks.map((task, index) => toTask(snapshot, task, index)), total_entries: snapshot.tasks.length };
  });

  async function assetExpression({ version }: DagRead): Promise<Record<string, unknown> | null> {
    const { schedule } = version.snapshot;
    const found = await Promise.all(assetsOf(schedule).map((name) => findAsset(name)));
    return toAssetExpression(schedule, new Map(found.map((asset) => [asset.name, asset])));
  }

  async function findAsset(name: string): Promise<AssetReference> {
    const { rows } = await reads.assets.list({ namePart: name, excludeStale: false }, { limit: 1000, offset: 0, order: "ascending" });
    const asset = rows.find((candidate) => candidate.name === name);
    return { name, uri: asset?.uri ?? name, group: asset?.group ?? "asset" };
  }
}
