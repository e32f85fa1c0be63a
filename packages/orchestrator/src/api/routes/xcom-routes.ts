import { type Static, Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { TaskInstanceRead } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { toInstant, toNullableInstant } from "../resources/instant.ts";
import { Instant, NullableInstant } from "../resources/nullable.ts";
import { getDagRun, getTaskInstance, type TaskInstancePath } from "./found.ts";
import { pageOf, pageQuery, queryObject, readPage } from "./query.ts";

const PATH = "/api/v2/dags/:dag_id/dagRuns/:dag_run_id/taskInstances/:task_id/xcomEntries";
const TaskPath = Type.Object({ dag_id: Type.String(), dag_run_id: Type.String(), task_id: Type.String() });
const MapIndex = Type.Optional(Type.Integer({ minimum: -1 }));

const xcomFields = {
  key: Type.String(),
  timestamp: Instant,
  logical_date: NullableInstant,
  map_index: Type.Integer(),
  task_id: Type.String(),
  dag_id: Type.String(),
  run_id: Type.String(),
  dag_display_name: Type.String(),
  task_display_name: Type.String(),
  run_after: Instant,
};
const XcomEntry = Type.Object(xcomFields);
const Xcom = Type.Object({ ...xcomFields, value: Type.Unknown() });
const XcomCollection = Type.Object({ xcom_entries: Type.Array(XcomEntry), total_entries: Type.Integer() });
const tags = ["XCom"];

interface FoundXcom {
  readonly instance: TaskInstanceRead;
  readonly key: string;
}

export function xcomRoutes(app: ApiServer, { reads }: ApiContext): void {
  const list = {
    tags,
    summary: "What a task gave back, without the values; `~` for every task of the run",
    params: TaskPath,
    querystring: queryObject({ ...pageQuery, xcom_key: Type.Optional(Type.String()), map_index: MapIndex }),
    response: { 200: XcomCollection },
  };
  app.get(PATH, { schema: list }, async ({ params, query }) => {
    const all = await listXcoms(params);
    const isWanted = ({ key, instance }: FoundXcom): boolean =>
      (query.xcom_key === undefined || query.xcom_key === key) && (query.map_index === undefined || query.map_index === instance.mapIndex);
    const found = all.filter(isWanted);
    const rows = pageOf(found, readPage(query, ["task_id", "map_index", "key"]));
    return { xcom_entries: rows.map(toXcomEntry), total_entries: found.length };
  });
  const one = {
    tags,
    summary: "What a task returned is under `return_value`",
    params: Type.Object({ ...TaskPath.properties, xcom_key: Type.String() }),
    querystring: queryObject({ map_index: MapIndex, deserialize: Type.Optional(Type.Boolean()), stringify: Type.Optional(Type.Boolean()) }),
    response: { 200: Xcom },
  };
  app.get(`${PATH}/:xcom_key`, { schema: one }, async ({ params, query }) => {
    const { xcom_key: key } = params;
    const instance = await getTaskInstance(reads, params, query.map_index);
    const found = await reads.xcoms.value(instance, key);
    if (found !== null)
      return { ...toXcomEntry({ instance, key }), value: query.stringify === true ? JSON.stringify(found.value) : found.value };
    throw new MillraceError("NOT_FOUND", `task '${params.task_id}' of run '${params.dag_run_id}' has no xcom '${key}'`, {
      hint: "a task that returned a value has one under 'return_value' once it succeeded",
    });
  });

  async function listXcoms(path: TaskInstancePath): Promise<readonly FoundXcom[]> {
    if (path.task_id !== "~") await getTaskInstance(reads, path, undefined);
    const run = await getDagRun(reads, path.dag_id, path.dag_run_id);
    const [instances, xcoms] = await Promise.all([reads.taskInstances.listOfRun(run), reads.xcoms.listOfRun(run)]);
    const wanted = instances.filter(({ task }) => path.task_id === "~" || task.id === path.task_id);
    return xcoms.flatMap(({ taskIndex, mapIndex, key }) => {
      const instance = wanted.find((one) => one.taskIndex === taskIndex && one.mapIndex === mapIndex);
      return instance === undefined ? [] : [{ instance, key }];
    });
  }
}

function toXcomEntry({ instance, key }: FoundXcom): Static<typeof XcomEntry> {
  const { run, task, mapIndex, endedAt } = instance;
  return {
    key,
    timestamp: toInstant(endedAt ?? run.createdAt),
    logical_date: toNullableInstant(run.logicalDate),
    map_index: mapIndex,
    task_id: task.id,
    dag_id: run.dagId,
    run_id: run.dagRunId,
    dag_display_name: run.dagId,
    task_display_name: task.id,
    run_after: toInstant(run.createdAt),
  };
}
