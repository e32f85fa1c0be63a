import { Type } from "typebox";
import type { Actor } from "../../domain/audit-log.ts";
import type { DagPause } from "../../domain/engine-control.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { actorOf } from "../auth/require-role.ts";
import { DagCollectionSchema, DagSchema, toDag, toHoldingDag } from "../resources/dag-resource.ts";
import { DagQuery, readDagFilter } from "./dag-routes.ts";
import { getDag } from "./found.ts";
import { queryObject, readPage } from "./query.ts";

const DagPatch = Type.Object(
  {
    is_paused: Type.Boolean(),
    drop_pending_events: Type.Optional(Type.Boolean({ description: "with is_paused false: what waits starts nothing" })),
  },
  { additionalProperties: false },
);
/** Ours: how many events wait, from now on held or about to be decided. */
const PausedDag = Type.Object({ ...DagSchema.properties, pending_events: Type.Integer() });
const UpdateMask = { update_mask: Type.Optional(Type.Array(Type.String())) };
const tags = ["DAG"];
const config = { role: "operator" } as const;

interface Change {
  readonly is_paused: boolean;
  readonly drop_pending_events?: boolean;
}

export function dagPauseRoutes(app: ApiServer, { reads, engine, audit, clock }: ApiContext): void {
  const one = {
    tags,
    summary: "Pauses or unpauses a DAG; its events are held meanwhile",
    params: Type.Object({ dag_id: Type.String() }),
    querystring: queryObject(UpdateMask),
    body: DagPatch,
    response: { 200: PausedDag },
  };
  app.patch("/api/v2/dags/:dag_id", { config, schema: one }, async ({ params, query, body, account }) => {
    assertUpdateMask(query.update_mask);
    const { dagId } = await getDag(reads, params.dag_id);
    const { pendingEvents } = await change(dagId, body, actorOf({ account }, clock));
    return { ...toDag(await getDag(reads, dagId)), pending_events: pendingEvents };
  });
  const many = {
    tags,
    summary: "Pauses or unpauses the DAGs of a list",
    querystring: queryObject({ ...DagQuery.properties, ...UpdateMask }),
    body: DagPatch,
    response: { 200: DagCollectionSchema },
  };
  app.patch("/api/v2/dags", { config, schema: many }, async ({ query, body, account }) => {
    assertUpdateMask(query.update_mask);
    const { rows, total } = await reads.dags.list(readDagFilter(query), readPage(query, ["dag_id"]));
    for (const { dagId } of rows) await change(dagId, body, actorOf({ account }, clock));
    const changed = await Promise.all(rows.map(({ dagId }) => getDag(reads, dagId)));
    const held = await reads.queuedEvents.held();
    return { dags: changed.map((dag) => toHoldingDag(dag, held.get(dag.dagId))), total_entries: total };
  });

  async function change(dagId: string, { is_paused: isPaused, drop_pending_events: drop = false }: Change, by: Actor): Promise<DagPause> {
    const done = await (isPaused ? engine.pauseDag(dagId) : engine.unpauseDag(dagId, { drop }));
    await audit.record(by, isPaused ? "dag.pause" : "dag.unpause", dagId, drop ? { drop } : {});
    return done;
  }
}

/** @throws {MillraceError} BAD_REQUEST */
function assertUpdateMask(names: readonly string[] | undefined): void {
  const other = names?.find((name) => name !== "is_paused");
  if (other !== undefined)
    throw new MillraceError("BAD_REQUEST", `query parameter 'update_mask': only 'is_paused' can be changed, got '${other}'`);
}
