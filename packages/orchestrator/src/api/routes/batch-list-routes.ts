import { type Static, Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { DagRunFilter, DagRunRead, PageRequest, TaskInstanceRead } from "../../domain/reads.ts";
import { DAG_RUN_STATE_CODES, type DagRunState, TASK_INSTANCE_STATE_CODES, type TaskInstanceState } from "../../domain/states.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { DagRunCollectionSchema, toDagRun } from "../resources/dag-run-resource.ts";
import { nullable } from "../resources/nullable.ts";
import { TaskInstanceCollectionSchema, toTaskInstance } from "../resources/task-instance-resource.ts";
import { readRunTimes } from "./dag-run-routes.ts";
import { getDagRun } from "./found.ts";
import { pageOf, readPage } from "./query.ts";

const Names = Type.Optional(nullable(Type.Array(Type.String())));
const Time = Type.Optional(nullable(Type.String({ format: "date-time" })));
const BOUNDS = ["gte", "gt", "lte", "lt"] as const;
const TIMES = ["run_after", "logical_date", "start_date", "end_date"] as const;
type TimeName = `${(typeof TIMES)[number]}_${(typeof BOUNDS)[number]}`;
const times = Object.fromEntries(TIMES.flatMap((name) => BOUNDS.map((bound) => [`${name}_${bound}`, Time]))) as Record<
  TimeName,
  typeof Time
>;

const page = {
  page_offset: Type.Optional(Type.Integer({ minimum: 0, default: 0 })),
  page_limit: Type.Optional(Type.Integer({ minimum: 0, default: 100 })),
  order_by: Type.Optional(nullable(Type.String())),
};
const RUN_STATES = Object.keys(DAG_RUN_STATE_CODES) as DagRunState[];
const TASK_STATES = Object.keys(TASK_INSTANCE_STATE_CODES) as TaskInstanceState[];
const RunBatch = Type.Object(
  {
    ...page,
    ...times,
    dag_ids: Names,
    states: Type.Optional(nullable(Type.Array(Type.Union(RUN_STATES.map((state) => Type.Literal(state)))))),
  },
  { additionalProperties: false },
);
const TaskInstanceBatch = Type.Object(
  {
    ...page,
    ...times,
    dag_ids: Names,
    dag_run_ids: Names,
    task_ids: Names,
    state: Type.Optional(nullable(Type.Array(nullable(Type.Union(TASK_STATES.map((state) => Type.Literal(state))))))),
  },
  { additionalProperties: false },
);
type TaskInstanceBatch = Static<typeof TaskInstanceBatch>;

const NO_CURSORS = { total_entries_limit: null, next_cursor: null, previous_cursor: null };

/** Airflow's lists whose filters are a body: for clients with more ids than fit into a URL. */
export function batchListRoutes(app: ApiServer, { reads }: ApiContext): void {
  const runs = {
    tags: ["DagRun"],
    summary: "Runs of several DAGs, as `GET …/dagRuns`; the DAG in the path is `~`",
    params: Type.Object({ dag_id: Type.Literal("~") }),
    body: RunBatch,
    response: { 200: DagRunCollectionSchema },
  };
  app.post("/api/v2/dags/:dag_id/dagRuns/list", { schema: runs }, async ({ body }) => {
    const filter: DagRunFilter = { ...readRuns(body), states: body.states ?? undefined };
    const { rows, total } = await reads.dagRuns.list(filter, readBatchPage(body, ["id", "run_after"]));
    return { dag_runs: rows.map(toDagRun), total_entries: total, ...NO_CURSORS };
  });
  const instances = {
    tags: ["Task Instance"],
    summary: "Task instances of several runs; DAG and run in the path are `~`",
    params: Type.Object({ dag_id: Type.Literal("~"), dag_run_id: Type.Literal("~") }),
    body: TaskInstanceBatch,
    response: { 200: TaskInstanceCollectionSchema },
  };
  app.post("/api/v2/dags/:dag_id/dagRuns/:dag_run_id/taskInstances/list", { schema: instances }, async ({ body }) => {
    const found = (await ofRuns(await findRuns(body))).filter((instance) => isWanted(instance, body));
    const rows = pageOf(found, readBatchPage(body, ["id", "run_after"]));
    return { task_instances: rows.map(toTaskInstance), total_entries: found.length, ...NO_CURSORS };
  });

  /** @throws {MillraceError} BAD_REQUEST without `dag_run_ids`: the history of all runs has no offset */
  async function findRuns({ dag_ids: dagIds, dag_run_ids: runIds }: TaskInstanceBatch): Promise<readonly DagRunRead[]> {
    if (!runIds?.length || !dagIds?.length)
      throw new MillraceError("BAD_REQUEST", "expected the fields 'dag_ids' and 'dag_run_ids' with at least one id each", {
        hint: "GET /api/v2/dags/~/dagRuns/~/taskInstances goes through all runs by cursor",
      });
    if (dagIds.length === 1) return Promise.all(runIds.map((id) => getDagRun(reads, dagIds[0]!, id)));
    const found = await Promise.all(dagIds.flatMap((dagId) => runIds.map((runId) => reads.dagRuns.find(dagId, runId))));
    return found.filter((run) => run !== null);
  }

  async function ofRuns(found: readonly DagRunRead[]): Promise<readonly TaskInstanceRead[]> {
    const lists = await Promise.all(found.map((run) => reads.taskInstances.listOfRun(run)));
    return lists.flat();
  }
}

function isWanted({ task, state }: TaskInstanceRead, { task_ids: taskIds, state: given }: TaskInstanceBatch): boolean {
  const states: readonly unknown[] = given ?? [];
  return (!taskIds?.length || taskIds.includes(task.id)) && (states.length === 0 || states.includes(state));
}

type Times = { readonly [name in TimeName]?: string | null };

function readRuns(body: Times & { readonly dag_ids?: readonly string[] | null }): DagRunFilter {
  const given = Object.entries(body).filter(([, value]) => value !== null && value !== "");
  return { dagIds: body.dag_ids?.length ? body.dag_ids : undefined, ...readRunTimes(Object.fromEntries(given)) };
}

function readBatchPage(
  body: { readonly page_offset?: number; readonly page_limit?: number; readonly order_by?: string | null },
  orders: readonly string[],
): PageRequest {
  const { page_offset: offset = 0, page_limit: limit = 100, order_by: order } = body;
  return readPage({ offset, limit, ...(order ? { order_by: [order] } : {}) }, orders);
}
