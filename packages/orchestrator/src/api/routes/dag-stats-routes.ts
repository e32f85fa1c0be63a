import { Type } from "typebox";
import type { DagRead } from "../../domain/reads.ts";
import { DAG_RUN_STATE_CODES, type DagRunState } from "../../domain/states.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { getDag } from "./found.ts";
import { pageOf, pageQuery, queryObject, readPage } from "./query.ts";

const DagTags = Type.Object({ tags: Type.Array(Type.String()), total_entries: Type.Integer() });
const DagStats = Type.Object({
  dag_id: Type.String(),
  dag_display_name: Type.String(),
  stats: Type.Array(Type.Object({ state: Type.String(), count: Type.Integer() })),
});
const DagStatsCollection = Type.Object({ dags: Type.Array(DagStats), total_entries: Type.Integer() });
const STATES = Object.keys(DAG_RUN_STATE_CODES) as DagRunState[];
const EVERY_DAG = { limit: 10_000, offset: 0, order: "ascending" } as const;

export function dagStatsRoutes(app: ApiServer, { reads }: ApiContext): void {
  const tagList = {
    tags: ["DAG"],
    summary: "The tags of the DAGs that are loaded",
    querystring: queryObject({
      ...pageQuery,
      tag_name_pattern: Type.Optional(Type.String({ description: "part of the tag, in any case" })),
    }),
    response: { 200: DagTags },
  };
  app.get("/api/v2/dagTags", { schema: tagList }, async ({ query }) => {
    const part = (query.tag_name_pattern ?? "").toLowerCase();
    const all = new Set((await listDags()).flatMap(({ version }) => version.snapshot.tags));
    const found = [...all].filter((tag) => tag.toLowerCase().includes(part)).sort();
    return { tags: [...pageOf(found, readPage(query, ["name"]))], total_entries: found.length };
  });
  const stats = {
    tags: ["DagStats"],
    summary: "How many runs of each DAG are in each state; counted over their whole history",
    querystring: queryObject({ dag_ids: Type.Optional(Type.Array(Type.String())) }),
    response: { 200: DagStatsCollection },
  };
  app.get("/api/v2/dagStats", { schema: stats }, async ({ query }) => {
    const dags = query.dag_ids === undefined ? await listDags() : await Promise.all(query.dag_ids.map((id) => getDag(reads, id)));
    const counted = await Promise.all(dags.map(({ dagId }) => countRuns(dagId)));
    return { dags: counted, total_entries: counted.length };
  });

  async function listDags(): Promise<readonly DagRead[]> {
    return (await reads.dags.list({ excludeStale: true, tagsMatch: "any" }, EVERY_DAG)).rows;
  }

  async function countRuns(dagId: string) {
    const counts = await reads.dagRuns.countByState(dagId);
    return { dag_id: dagId, dag_display_name: dagId, stats: STATES.map((state) => ({ state, count: counts.get(state) ?? 0 })) };
  }
}
