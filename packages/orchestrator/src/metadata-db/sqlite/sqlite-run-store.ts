import type { Database, Statement } from "better-sqlite3";
import type { RunEvent } from "../../domain/committer.ts";
import { firstIdOf } from "../../domain/ids.ts";
import type { RunStore, StoredRun, StoredTask } from "../../domain/run-store.ts";
import { readDagRunState, readRunType, readTaskInstanceState } from "../../domain/states.ts";
import type { DagRunTable, TaskInstanceTable } from "../../domain/tables.ts";
import { EVENT_COLUMNS, type StoredEventRow, toStoredEvent } from "./stored-event-row.ts";

const RUN_COLUMNS =
  "id, dag, version_id, state, run_type, event_id, trigger_id, logical_date, part, params, custom_run_id, rescues, created_at, started_at";

export class SqliteRunStore implements RunStore {
  readonly #selectActive: Statement;
  readonly #selectActiveDags: Statement;
  readonly #selectRun: Statement;
  readonly #selectEvent: Statement;
  readonly #selectEvents: Statement;
  readonly #selectTasks: Statement;
  readonly #selectUnstarted: Statement;
  readonly #selectCounter: Statement;

  constructor(db: Database) {
    this.#selectCounter = db.prepare("SELECT number FROM commit_counter");
    // The partial index holds what is active and nothing else; left alone, the planner would walk the history.
    this.#selectActive = db
      .prepare("SELECT id FROM dag_run INDEXED BY dag_run_active WHERE state < 10 AND dag = ? AND id > ? ORDER BY id LIMIT ?")
      .pluck();
    this.#selectActiveDags = db.prepare("SELECT DISTINCT dag FROM dag_run INDEXED BY dag_run_active WHERE state < 10").pluck();
    this.#selectRun = db.prepare(`SELECT ${RUN_COLUMNS} FROM dag_run WHERE id = ? AND state < 10`);
    this.#selectEvent = db.prepare(`SELECT ${EVENT_COLUMNS}, 0 AS leg FROM asset_event e JOIN asset a ON a.id = e.asset_id WHERE e.id = ?`);
    this.#selectEvents = db.prepare(`SELECT ${EVENT_COLUMNS}, r.leg FROM dag_run_event r JOIN asset_event e ON e.id = r.event_id
      JOIN asset a ON a.id = e.asset_id WHERE r.run_id = ? ORDER BY r.leg, e.id`);
    this.#selectTasks = db.prepare("SELECT * FROM task_instance WHERE run_id = ?");
    this.#selectUnstarted = db.prepare(
      "SELECT trigger_id, count(*) AS n FROM dag_run INDEXED BY dag_run_active WHERE state < 10 AND state = 0 AND trigger_id IS NOT NULL GROUP BY trigger_id",
    );
  }

  activeDags(): readonly number[] {
    return this.#selectActiveDags.all() as number[];
  }

  active(dag: number, afterId: number, limit: number): readonly number[] {
    return this.#selectActive.all(dag, afterId, limit) as number[];
  }

  load(id: number): StoredRun | null {
    const row = this.#selectRun.get(id) as DagRunTable | undefined;
    return row === undefined ? null : this.#complete(row);
  }

  nextId(): number {
    return firstIdOf((this.#selectCounter.get() as { number: number }).number);
  }

  countUnstarted(): ReadonlyMap<number, number> {
    const rows = this.#selectUnstarted.all() as { trigger_id: number; n: number }[];
    return new Map(rows.map((row) => [row.trigger_id, row.n]));
  }

  #complete(row: DagRunTable): StoredRun {
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
      events: this.#readEvents(row),
      tasks: (this.#selectTasks.all(row.id) as TaskInstanceTable[]).map(toTask),
    };
  }

  #readEvents(row: DagRunTable): readonly RunEvent[] {
    const rows = row.event_id === null ? this.#selectEvents.all(row.id) : this.#selectEvent.all(row.event_id);
    return (rows as (StoredEventRow & { leg: number })[]).map((event) => ({ ...toStoredEvent(event), leg: event.leg }));
  }
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
