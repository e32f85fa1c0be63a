import { didYouMean } from "../../domain/did-you-mean.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { DagRead, DagRunRead, Reads, TaskInstanceRead } from "../../domain/reads.ts";

/** Of a misspelled name. */
const MAX_CANDIDATES = 1_000;

/** @throws {MillraceError} DAG_NOT_FOUND */
export async function getDag(reads: Reads, dagId: string): Promise<DagRead> {
  const dag = await reads.dags.find(dagId);
  if (dag !== null) return dag;
  const { rows } = await reads.dags.list(
    { excludeStale: true, tagsMatch: "any" },
    { limit: MAX_CANDIDATES, offset: 0, order: "ascending" },
  );
  const names = rows.map((row) => row.dagId);
  throw new MillraceError("DAG_NOT_FOUND", `there is no DAG '${dagId}'`, didYouMean(dagId, names));
}

/** @throws {MillraceError} DAG_NOT_FOUND, DAG_RUN_NOT_FOUND */
export async function getDagRun(reads: Reads, dagId: string, dagRunId: string): Promise<DagRunRead> {
  const run = await reads.dagRuns.find(dagId, dagRunId);
  if (run !== null) return run;
  await getDag(reads, dagId);
  throw new MillraceError("DAG_RUN_NOT_FOUND", `DAG '${dagId}' has no run '${dagRunId}'`);
}

export interface TaskInstancePath {
  readonly dag_id: string;
  readonly dag_run_id: string;
  readonly task_id: string;
}

/** @throws {MillraceError} DAG_NOT_FOUND, DAG_RUN_NOT_FOUND, TASK_NOT_FOUND */
export async function getTaskInstance(reads: Reads, path: TaskInstancePath, mapIndex = -1): Promise<TaskInstanceRead> {
  const run = await getDagRun(reads, path.dag_id, path.dag_run_id);
  const instances = await reads.taskInstances.listOfRun(run);
  const found = instances.find((instance) => instance.task.id === path.task_id && instance.mapIndex === mapIndex);
  if (found !== undefined) return found;
  const mapped = mapIndex === -1 ? "" : ` with map index ${mapIndex}`;
  throw new MillraceError("TASK_NOT_FOUND", `run '${run.dagRunId}' of DAG '${run.dagId}' has no task '${path.task_id}'${mapped}`, {
    hint: `its tasks are ${[...new Set(instances.map(({ task }) => task.id))].join(", ")}`,
  });
}
