import { type Static, Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { DagRunFilter } from "../../domain/reads.ts";
import { DAG_RUN_STATE_CODES, type DagRunState, RUN_TYPE_CODES, type RunType } from "../../domain/states.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { AssetEventCollectionSchema, toAssetEvent } from "../resources/asset-event-resource.ts";
import { DagRunCollectionSchema, DagRunSchema, toDagRun } from "../resources/dag-run-resource.ts";
import { AnyObject, NO_DOTS, nullable, NullableInstant } from "../resources/nullable.ts";
import { getDag, getDagRun } from "./found.ts";
import { pageQuery, queryObject, readPage, readTimeRange, timeQuery } from "./query.ts";

const DagPath = Type.Object({ dag_id: Type.String() });
const RunPath = Type.Object({ dag_id: Type.String(), dag_run_id: Type.String() });
const States = Type.Array(Type.Union(Object.keys(DAG_RUN_STATE_CODES).map((state) => Type.Literal(state as DagRunState))));
const RunTypes = Type.Array(Type.Union(Object.keys(RUN_TYPE_CODES).map((type) => Type.Literal(type as RunType))));

export const runTimes = { ...timeQuery("run_after"), ...timeQuery("logical_date"), ...timeQuery("start_date"), ...timeQuery("end_date") };

const RunQuery = queryObject({
  ...pageQuery,
  ...runTimes,
  cursor: Type.Optional(Type.String({ description: "empty for the first page, then next_cursor; offset is then ignored" })),
  state: Type.Optional(States),
  run_type: Type.Optional(RunTypes),
});

/** Fields of Airflow that a run of Millrace does not have may be there, as null. */
const NewRun = Type.Object(
  {
    dag_run_id: Type.Optional(nullable(Type.String({ minLength: 1, maxLength: 250, pattern: `${NO_DOTS}[A-Za-z0-9_.~:+-]+$` }))),
    logical_date: NullableInstant,
    conf: Type.Optional(nullable(AnyObject)),
    payload: Type.Optional(Type.Unknown({ description: "the event's payload, for a DAG that is scheduled on an asset" })),
    note: Type.Optional(Type.Null()),
    data_interval_start: Type.Optional(Type.Null()),
    data_interval_end: Type.Optional(Type.Null()),
    run_after: Type.Optional(Type.Null()),
    partition_key: Type.Optional(Type.Null()),
  },
  { additionalProperties: false },
);

type RunTimes = Static<ReturnType<typeof Type.Object<typeof runTimes>>>;

export function readRunTimes(query: RunTimes): Pick<DagRunFilter, "created" | "started" | "ended" | "logicalDate"> {
  return {
    created: readTimeRange(query, "run_after"),
    started: readTimeRange(query, "start_date"),
    ended: readTimeRange(query, "end_date"),
    logicalDate: readTimeRange(query, "logical_date"),
  };
}

export function dagRunRoutes(app: ApiServer, context: ApiContext): void {
  const { reads, engine } = context;
  const list = {
    tags: ["DagRun"],
    summary: "The runs of a DAG, or of all (`~`)",
    params: DagPath,
    querystring: RunQuery,
    response: { 200: DagRunCollectionSchema },
  };
  app.get("/api/v2/dags/:dag_id/dagRuns", { schema: list }, async ({ params, query }) => {
    if (params.dag_id !== "~") await getDag(reads, params.dag_id);
    const dagId = params.dag_id === "~" ? undefined : params.dag_id;
    const filter = { dagId, states: query.state, runTypes: query.run_type, ...readRunTimes(query) };
    return listRuns(context, filter, readPage(query, ["id", "run_after"]), query.cursor);
  });
  const create = { tags: ["DagRun"], summary: "Starts a run by hand", params: DagPath, body: NewRun, response: { 200: DagRunSchema } };
  app.post("/api/v2/dags/:dag_id/dagRuns", { config: { role: "operator" }, schema: create }, async ({ params, body }) => {
    const created = await engine.createDagRun({
      dagId: params.dag_id,
      customRunId: body.dag_run_id ?? null,
      logicalDate: body.logical_date === null ? null : Date.parse(body.logical_date),
      params: body.conf ?? {},
      ...(body.payload === undefined ? {} : { payload: body.payload }),
    });
    const run = (await reads.dagRuns.findMany([created.id])).get(created.id);
    return toDagRun(run ?? (await getDagRun(reads, params.dag_id, created.dagRunId)));
  });
  oneDagRunRoutes(app, context);
}

async function listRuns({ reads }: ApiContext, filter: DagRunFilter, page: ReturnType<typeof readPage>, cursor: string | undefined) {
  const none = { total_entries_limit: null, next_cursor: null, previous_cursor: null };
  if (cursor === undefined) {
    const { rows, total } = await reads.dagRuns.list(filter, page);
    return { dag_runs: rows.map(toDagRun), total_entries: total, ...none };
  }
  const { rows } = await reads.dagRuns.list({ ...filter, afterId: readCursor(cursor) }, { ...page, offset: 0 });
  const last = rows.length < page.limit ? undefined : rows.at(-1);
  return { dag_runs: rows.map(toDagRun), total_entries: null, ...none, next_cursor: last === undefined ? null : toCursor(last.id) };
}

export function toCursor(id: number): string {
  return id.toString(36);
}

/** @throws {MillraceError} BAD_REQUEST */
export function readCursor(cursor: string): number | undefined {
  if (cursor === "") return undefined;
  const id = /^[0-9a-z]{1,11}$/.test(cursor) ? Number.parseInt(cursor, 36) : Number.NaN;
  if (Number.isSafeInteger(id)) return id;
  throw new MillraceError("BAD_REQUEST", `query parameter 'cursor': expected the next_cursor of an earlier answer, got '${cursor}'`);
}

function oneDagRunRoutes(app: ApiServer, { reads }: ApiContext): void {
  const one = { tags: ["DagRun"], summary: "One run", params: RunPath, response: { 200: DagRunSchema } };
  app.get("/api/v2/dags/:dag_id/dagRuns/:dag_run_id", { schema: one }, async ({ params }) =>
    toDagRun(await getDagRun(reads, params.dag_id, params.dag_run_id)),
  );
  const events = {
    tags: ["DagRun"],
    summary: "The asset events that started a run",
    params: RunPath,
    response: { 200: AssetEventCollectionSchema },
  };
  app.get("/api/v2/dags/:dag_id/dagRuns/:dag_run_id/upstreamAssetEvents", { schema: events }, async ({ params }) => {
    const found = await reads.assetEvents.listOfRun(await getDagRun(reads, params.dag_id, params.dag_run_id));
    return { asset_events: found.map(toAssetEvent), total_entries: found.length };
  });
}
