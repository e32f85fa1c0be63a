import { type Static, Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { PageRequest, TaskInstanceFilter, TaskInstanceRead } from "../../domain/reads.ts";
import { TASK_INSTANCE_STATE_CODES, type TaskInstanceState } from "../../domain/states.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import {
  TaskInstanceCollectionSchema,
  TaskInstanceSchema,
  TaskTryCollectionSchema,
  TaskTrySchema,
  toTaskInstance,
  toTaskTry,
} from "../resources/task-instance-resource.ts";
import { readCursor, readRunTimes, runTimes, toCursor } from "./dag-run-routes.ts";
import { getDag, getDagRun, getTaskInstance, type TaskInstancePath } from "./found.ts";
import { pageQuery, queryObject, readPage } from "./query.ts";

const RUN_PATH = "/api/v2/dags/:dag_id/dagRuns/:dag_run_id";
const RunPath = Type.Object({ dag_id: Type.String(), dag_run_id: Type.String() });
const TaskPath = Type.Object({ dag_id: Type.String(), dag_run_id: Type.String(), task_id: Type.String() });
const MapIndex = Type.Optional(Type.Integer({ minimum: -1, default: -1 }));
const STATES = [...Object.keys(TASK_INSTANCE_STATE_CODES), "none"] as (TaskInstanceState | "none")[];

const ListQuery = queryObject({
  ...pageQuery,
  ...runTimes,
  cursor: Type.Optional(Type.String()),
  task_id: Type.Optional(Type.String()),
  state: Type.Optional(Type.Array(Type.Union(STATES.map((state) => Type.Literal(state))))),
  map_index: Type.Optional(Type.Array(Type.Integer())),
});
type ListQuery = Static<typeof ListQuery>;

export function taskInstanceRoutes(app: ApiServer, context: ApiContext): void {
  const schema = {
    tags: ["Task Instance"],
    summary: "The task instances of a run; `~` for every DAG, or every run",
    params: RunPath,
    querystring: ListQuery,
    response: { 200: TaskInstanceCollectionSchema },
  };
  app.get(`${RUN_PATH}/taskInstances`, { schema }, async ({ params, query }) => {
    const page = readPage(query, ["map_index", "id", "run_after"]);
    if (params.dag_run_id === "~") return listOfRuns(context, params.dag_id, query, page);
    return listOfRun(context, params, query, page);
  });
  oneTaskInstanceRoutes(app, context);
}

const NO_CURSORS = { total_entries_limit: null, next_cursor: null, previous_cursor: null };

async function listOfRun({ reads }: ApiContext, params: Static<typeof RunPath>, query: ListQuery, page: PageRequest) {
  const run = await getDagRun(reads, params.dag_id, params.dag_run_id);
  const all = (await reads.taskInstances.listOfRun(run)).filter((instance) => isWanted(instance, readFilter(query)));
  if (page.order === "descending") all.reverse();
  const rows = all.slice(page.offset, page.offset + page.limit);
  return { task_instances: rows.map(toTaskInstance), total_entries: all.length, ...NO_CURSORS };
}

/** Whole runs, so a page may be a little longer than its limit; it goes on by cursor alone. */
async function listOfRuns({ reads }: ApiContext, dagId: string, query: ListQuery, page: PageRequest) {
  if (page.offset > 0) {
    throw new MillraceError("BAD_REQUEST", "query parameter 'offset': expected none, since task instances of many runs go on by 'cursor'");
  }
  if (dagId !== "~") await getDag(reads, dagId);
  const runs = { dagId: dagId === "~" ? undefined : dagId, ...readRunTimes(query), afterId: readCursor(query.cursor ?? "") };
  const { rows, nextRunId } = await reads.taskInstances.walk({ runs, ...readFilter(query) }, page);
  const next = nextRunId === null ? null : toCursor(nextRunId);
  return { task_instances: rows.map(toTaskInstance), total_entries: null, ...NO_CURSORS, next_cursor: next };
}

function readFilter(query: ListQuery): Omit<TaskInstanceFilter, "runs"> {
  const states = query.state?.map((state) => (state === "none" ? null : state));
  return { taskId: query.task_id, states, mapIndexes: query.map_index };
}

function isWanted(instance: TaskInstanceRead, { taskId, states, mapIndexes }: Omit<TaskInstanceFilter, "runs">): boolean {
  return (
    (taskId === undefined || instance.task.id === taskId) &&
    (states === undefined || states.includes(instance.state)) &&
    (mapIndexes === undefined || mapIndexes.includes(instance.mapIndex))
  );
}

/** The map index is a part of the path, or a query parameter: Airflow has both. */
function oneTaskInstanceRoutes(app: ApiServer, { reads }: ApiContext): void {
  const mapped = { ...TaskPath.properties, map_index: Type.Integer({ minimum: -1 }) };
  const tags = ["Task Instance"];
  const path = `${RUN_PATH}/taskInstances/:task_id`;
  const one = { tags, summary: "One task instance: its latest try", params: TaskPath, response: { 200: TaskInstanceSchema } };
  app.get(path, { schema: one }, async ({ params }) => toTaskInstance(await getTaskInstance(reads, params)));
  const oneMapped = { ...one, params: Type.Object(mapped) };
  app.get(`${path}/:map_index`, { schema: oneMapped }, async ({ params }) =>
    toTaskInstance(await getTaskInstance(reads, params, params.map_index)),
  );
  const querystring = queryObject({ map_index: MapIndex });
  const tries = {
    tags,
    summary: "All tries of a task instance",
    params: TaskPath,
    querystring,
    response: { 200: TaskTryCollectionSchema },
  };
  app.get(`${path}/tries`, { schema: tries }, async ({ params, query }) => listTries(params, query.map_index));
  const triesMapped = { ...tries, params: Type.Object(mapped), querystring: queryObject({}) };
  app.get(`${path}/:map_index/tries`, { schema: triesMapped }, async ({ params }) => listTries(params, params.map_index));
  const number = { task_try_number: Type.Integer({ minimum: 1 }) };
  const oneTry = {
    tags,
    summary: "One try of a task instance",
    params: Type.Object({ ...TaskPath.properties, ...number }),
    querystring,
    response: { 200: TaskTrySchema },
  };
  app.get(`${path}/tries/:task_try_number`, { schema: oneTry }, async ({ params, query }) =>
    getTry(params, query.map_index, params.task_try_number),
  );
  const oneTryMapped = { ...oneTry, params: Type.Object({ ...mapped, ...number }), querystring: queryObject({}) };
  app.get(`${path}/:map_index/tries/:task_try_number`, { schema: oneTryMapped }, async ({ params }) =>
    getTry(params, params.map_index, params.task_try_number),
  );

  async function listTries(task: TaskInstancePath, mapIndex: number | undefined) {
    const instance = await getTaskInstance(reads, task, mapIndex);
    const earlier = await reads.taskInstances.earlierTries(instance);
    const all = instance.tryNumber === 0 ? earlier : [...earlier, instance];
    return { task_instances: all.map((attempt) => toTaskTry(instance, attempt)), total_entries: all.length };
  }

  async function getTry(task: TaskInstancePath, mapIndex: number | undefined, tryNumber: number) {
    const { task_instances: all } = await listTries(task, mapIndex);
    const found = all.find(({ try_number }) => try_number === tryNumber);
    if (found !== undefined) return found;
    const known = all.map(({ try_number }) => try_number).join(", ");
    throw new MillraceError("NOT_FOUND", `task '${task.task_id}' of run '${task.dag_run_id}' has no try ${tryNumber}`, {
      hint: known === "" ? "no try of it is stored yet" : `it has ${known}`,
    });
  }
}
