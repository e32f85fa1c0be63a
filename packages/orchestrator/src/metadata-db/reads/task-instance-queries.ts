import type { Kysely } from "kysely";
import type {
  DagRunRead,
  PageRequest,
  TaskInstanceFilter,
  TaskInstanceRead,
  TaskInstanceReads,
  TaskInstanceWalk,
  TaskTryRead,
} from "../../domain/reads.ts";
import { ACTIVE_LIMIT, DAG_RUN_STATE_CODES, readTaskInstanceState } from "../../domain/states.ts";
import type { Database, TaskInstanceTable } from "../../domain/tables.ts";
import type { DagRunQueries } from "./dag-run-queries.ts";
import { decodeJson } from "../stored-json.ts";
import { fillTaskInstances, type StoredTaskInstance } from "./task-instance-filling.ts";

const RUNS_PER_STEP = 100;
const MAX_STEPS = 100;
const COLUMNS = [
  "run_id",
  "task_index",
  "map_index",
  "state",
  "try",
  "queued_at",
  "started_at",
  "ended_at",
  "due_at",
  "error",
  "worker_lost",
] as const satisfies readonly (keyof TaskInstanceTable)[];

export class TaskInstanceQueries implements TaskInstanceReads {
  readonly #db: Kysely<Database>;
  readonly #runs: DagRunQueries;

  constructor(db: Kysely<Database>, runs: DagRunQueries) {
    this.#db = db;
    this.#runs = runs;
  }

  async listOfRun(run: DagRunRead): Promise<readonly TaskInstanceRead[]> {
    return this.#ofRuns([run]);
  }

  async walk(filter: TaskInstanceFilter, page: Pick<PageRequest, "limit" | "order">): Promise<TaskInstanceWalk> {
    const rows: TaskInstanceRead[] = [];
    let afterId = filter.runs.afterId;
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const runs = await this.#runs.listPage({ ...narrow(filter), afterId }, { limit: RUNS_PER_STEP, offset: 0, order: page.order });
      const instances = Map.groupBy(await this.#ofRuns(runs), ({ run }) => run.id);
      for (const run of runs) {
        rows.push(...(instances.get(run.id) ?? []).filter((instance) => matches(instance, filter)));
        afterId = run.id;
        if (rows.length >= page.limit) return { rows, nextRunId: run.id };
      }
      if (runs.length < RUNS_PER_STEP) return { rows, nextRunId: null };
    }
    return { rows, nextRunId: afterId ?? null };
  }

  async earlierTries({ run, taskIndex, mapIndex, tryNumber }: TaskInstanceRead): Promise<readonly TaskTryRead[]> {
    const rows = await this.#db
      .selectFrom("task_try")
      .selectAll()
      .where("run_id", "=", run.id)
      .where("task_index", "=", taskIndex)
      .where("map_index", "=", mapIndex)
      .where("try", "<", tryNumber)
      .orderBy("try")
      .execute();
    return rows.map((row) => ({
      tryNumber: row.try,
      state: readTaskInstanceState(row.state),
      startedAt: row.started_at,
      endedAt: row.ended_at,
      error: row.error === null ? null : decodeJson(row.error),
    }));
  }

  async #ofRuns(runs: readonly DagRunRead[]): Promise<readonly TaskInstanceRead[]> {
    if (runs.length === 0) return [];
    const ids = runs.map((run) => run.id);
    const rows = await this.#db.selectFrom("task_instance").select(COLUMNS).where("run_id", "in", ids).execute();
    const byRun = Map.groupBy(rows, (row) => row.run_id);
    return runs.flatMap((run) => fillTaskInstances(run, (byRun.get(run.id) ?? []).map(toStored)));
  }
}

/** A task instance can only be in an active state while its run is, and active runs are found by index. */
function narrow(filter: TaskInstanceFilter): TaskInstanceFilter["runs"] {
  const active = new Set(["scheduled", "queued", "running", "deferred", "up_for_retry"]);
  if (filter.runs.states !== undefined || !filter.states?.every((state) => state !== null && active.has(state))) return filter.runs;
  const states = (Object.keys(DAG_RUN_STATE_CODES) as (keyof typeof DAG_RUN_STATE_CODES)[]).filter(
    (state) => DAG_RUN_STATE_CODES[state] < ACTIVE_LIMIT,
  );
  return { ...filter.runs, states };
}

function matches(instance: TaskInstanceRead, { taskId, mapIndexes, states }: TaskInstanceFilter): boolean {
  return (
    (taskId === undefined || instance.task.id === taskId) &&
    (mapIndexes === undefined || mapIndexes.includes(instance.mapIndex)) &&
    (states === undefined || states.includes(instance.state))
  );
}

function toStored(row: Pick<TaskInstanceTable, (typeof COLUMNS)[number]>): StoredTaskInstance {
  return {
    taskIndex: row.task_index,
    mapIndex: row.map_index,
    state: readTaskInstanceState(row.state),
    tryNumber: row.try,
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    dueAt: row.due_at,
    error: row.error === null ? null : decodeJson(row.error),
    workerLost: row.worker_lost,
  };
}
