import type { RunEvent } from "../../domain/committer.ts";
import type { RunRef, RunStore, StoredRun, StoredTask } from "../../domain/run-store.ts";
import { readDagRunState, readRunType, readTaskInstanceState } from "../../domain/states.ts";
import type { DagRunTable, TaskInstanceTable } from "../../domain/tables.ts";
import { all, type Script, type SqlRunner } from "../sql-script.ts";
import { EVENT_COLUMNS, type StoredEventRow, toStoredEvent } from "./stored-event-row.ts";

const RUN_COLUMNS = `id, dag, version_id, state, run_type, event_id, trigger_id, is_adopted, logical_date, part, params, custom_run_id,
  rescues, created_at, started_at`;

type RunRow = Omit<DagRunTable, "owner_id" | "ended_at" | "error">;
type EventOfRun = StoredEventRow & { readonly run_id: number; readonly leg: number };

/** The unfinished runs that a process owns. */
export class SqlRunStore implements RunStore {
  readonly #runner: SqlRunner;
  readonly #ownerId: number;
  /** What is active and nothing else; left alone, SQLite's planner would walk the history. */
  readonly #active: string;

  constructor(runner: SqlRunner, ownerId: number) {
    this.#runner = runner;
    this.#ownerId = ownerId;
    this.#active = `dag_run ${runner.indexedBy("dag_run_active")}`;
  }

  async activeDags(): Promise<readonly number[]> {
    const sql = `SELECT DISTINCT dag FROM ${this.#active} WHERE state < 10 AND owner_id = ?`;
    const rows = await this.#runner.run(() => all<{ dag: number }>(sql, this.#ownerId));
    return rows.map(({ dag }) => dag);
  }

  async active(dag: number, afterId: number, limit: number): Promise<readonly RunRef[]> {
    const sql = `SELECT r.id, r.event_id, coalesce(length(r.params), 0) + coalesce(length(e.payload), 0) AS bytes
      FROM (SELECT id, event_id, params FROM ${this.#active} WHERE state < 10 AND dag = ? AND id > ? AND owner_id = ? ORDER BY id LIMIT ?) r
      LEFT JOIN asset_event e ON e.id = r.event_id ORDER BY r.id`;
    const rows = await this.#runner.run(() =>
      all<{ id: number; event_id: number | null; bytes: number }>(sql, dag, afterId, this.#ownerId, limit),
    );
    return rows.map(({ id, event_id: event, bytes }) => ({ id, bytes: event === null ? null : bytes }));
  }

  async activeSince(fromId: number): Promise<readonly { readonly id: number; readonly dag: number }[]> {
    const sql = "SELECT id, dag FROM dag_run WHERE state < 10 AND owner_id = ? AND id >= ? ORDER BY id";
    return this.#runner.run(() => all<{ id: number; dag: number }>(sql, this.#ownerId, fromId));
  }

  async load(ids: readonly number[]): Promise<readonly StoredRun[]> {
    return ids.length === 0 ? [] : this.#runner.run(() => loadRuns(ids));
  }

  async countUnstarted(): Promise<ReadonlyMap<number, number>> {
    const sql = `SELECT trigger_id, count(*) AS n FROM ${this.#active}
      WHERE state < 10 AND state = 0 AND owner_id = ? AND trigger_id IS NOT NULL GROUP BY trigger_id`;
    const rows = await this.#runner.run(() => all<{ trigger_id: number; n: number }>(sql, this.#ownerId));
    return new Map(rows.map((row) => [row.trigger_id, row.n]));
  }
}

function* loadRuns(ids: readonly number[]): Script<readonly StoredRun[]> {
  const list = ids.map(() => "?").join(", ");
  const runs = yield* all<RunRow>(`SELECT ${RUN_COLUMNS} FROM dag_run WHERE state < 10 AND id IN (${list}) ORDER BY id`, ...ids);
  const single = yield* all<EventOfRun>(
    `SELECT ${EVENT_COLUMNS}, r.id AS run_id, 0 AS leg FROM dag_run r JOIN asset_event e ON e.id = r.event_id
     JOIN asset a ON a.id = e.asset_id WHERE r.id IN (${list})`,
    ...ids,
  );
  const several = yield* all<EventOfRun>(
    `SELECT ${EVENT_COLUMNS}, r.run_id, r.leg FROM dag_run_event r JOIN asset_event e ON e.id = r.event_id
     JOIN asset a ON a.id = e.asset_id WHERE r.run_id IN (${list}) ORDER BY r.run_id, r.leg, e.id`,
    ...ids,
  );
  const tasks = yield* all<TaskInstanceTable>(`SELECT * FROM task_instance WHERE run_id IN (${list})`, ...ids);
  const events = Map.groupBy([...single, ...several], (row) => row.run_id);
  const tasksOf = Map.groupBy(tasks, (row) => row.run_id);
  return runs.map((run) => toStoredRun(run, (events.get(run.id) ?? []).map(toRunEvent), (tasksOf.get(run.id) ?? []).map(toTask)));
}

function toStoredRun(row: RunRow, events: readonly RunEvent[], tasks: readonly StoredTask[]): StoredRun {
  return {
    id: row.id,
    dag: row.dag,
    versionId: row.version_id,
    state: readDagRunState(row.state),
    type: readRunType(row.run_type),
    triggerId: row.trigger_id,
    logicalDate: row.logical_date,
    params: row.params,
    customRunId: row.custom_run_id,
    createdAt: row.created_at,
    startedAt: row.started_at,
    rescues: row.rescues,
    part: row.part,
    isAdopted: row.is_adopted === 1,
    events,
    tasks,
  };
}

function toRunEvent(row: EventOfRun): RunEvent {
  return { ...toStoredEvent(row), leg: row.leg };
}

function toTask(row: TaskInstanceTable): StoredTask {
  return {
    taskIndex: row.task_index,
    state: readTaskInstanceState(row.state),
    try: row.try,
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    dueAt: row.due_at,
    value: row.value,
    workerLost: row.worker_lost,
  };
}
