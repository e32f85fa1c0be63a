import type { TaskSnapshot } from "../../domain/dag-snapshot.ts";
import type { DagRunRead, TaskInstanceRead } from "../../domain/reads.ts";
import { ACTIVE_LIMIT, DAG_RUN_STATE_CODES } from "../../domain/states.ts";

export type StoredTaskInstance = Omit<TaskInstanceRead, "run" | "task">;

const NOT_MAPPED = -1;

/**
 * All task instances of a run, in topological order. A task has a row once a try of it ended or lasted a while;
 * what has none is `scheduled` where everything it needs succeeded, else without a state.
 */
export function fillTaskInstances(run: DagRunRead, stored: readonly StoredTaskInstance[]): readonly TaskInstanceRead[] {
  const byTask = Map.groupBy(stored, ({ taskIndex }) => taskIndex);
  const isActive = DAG_RUN_STATE_CODES[run.state] < ACTIVE_LIMIT;
  const succeeded = (index: number): boolean => byTask.get(index)?.every(({ state }) => state === "success") ?? false;
  return run.version.snapshot.tasks.flatMap((task, taskIndex) => {
    const rows = byTask.get(taskIndex)?.toSorted((a, b) => a.mapIndex - b.mapIndex);
    if (rows !== undefined) return rows.map((row) => ({ ...row, run, task }));
    const isReady = isActive && requiredTasks(task).every(succeeded);
    return [absentInstance(run, task, taskIndex, isReady ? "scheduled" : null)];
  });
}

function requiredTasks(task: TaskSnapshot): readonly number[] {
  return [...task.needs.map((need) => need.task), ...task.after];
}

function absentInstance(run: DagRunRead, task: TaskSnapshot, taskIndex: number, state: "scheduled" | null): TaskInstanceRead {
  const times = { queuedAt: null, startedAt: null, endedAt: null, dueAt: null };
  return { run, task, taskIndex, mapIndex: NOT_MAPPED, state, tryNumber: 0, ...times, error: null, workerLost: 0 };
}
