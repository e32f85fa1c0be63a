import type { NewRun, RunEvent } from "./committer.ts";
import type { DagVersion } from "./definitions.ts";
import { type ActiveRun, type ActiveTask, NEW_TASK, isFinal } from "./run.ts";
import type { StoredRun, StoredTask } from "./run-store.ts";

/** A run that a commit of this process made. */
export function activateRun(run: NewRun, events: readonly RunEvent[], version: DagVersion): ActiveRun {
  const { id, dag, type, triggerId, logicalDate, params, customRunId, createdAt, part } = run;
  const tasks = version.snapshot.tasks.map(() => NEW_TASK);
  const base = { id, dag, version, type, triggerId, logicalDate, params, customRunId, createdAt, part, events, tasks };
  return { ...base, state: "queued", startedAt: null, rescues: 0, isRescued: false, isUnstarted: true };
}

/** A run out of the metadata DB. Of one that was adopted, a try that was recorded as running was running when its process died. */
export function restoreRun(stored: StoredRun, version: DagVersion): ActiveRun {
  const tasks: ActiveTask[] = version.snapshot.tasks.map(() => NEW_TASK);
  for (const task of stored.tasks) tasks[task.taskIndex] = restoreTask(task);
  const wasRunning = stored.tasks.some(({ state }) => state === "running");
  const { id, dag, type, triggerId, logicalDate, params, customRunId, createdAt, part, events, state, startedAt, isAdopted } = stored;
  const base = { id, dag, version, type, triggerId, logicalDate, params, customRunId, createdAt, part, events, tasks, state, startedAt };
  return {
    ...base,
    rescues: stored.rescues + (isAdopted && wasRunning ? 1 : 0),
    isRescued: isAdopted || stored.rescues > 0,
    isUnstarted: state === "queued",
  };
}

/** A try that was under way is begun again as the same try. */
function restoreTask(task: StoredTask): ActiveTask {
  const { try: number, queuedAt, startedAt, dueAt, value, workerLost } = task;
  const isKept = isFinal(task.state) || task.state === "up_for_retry";
  return { ...NEW_TASK, state: isKept ? task.state : null, try: number, queuedAt, startedAt, dueAt, value, workerLost, isRecorded: true };
}
