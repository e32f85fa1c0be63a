import type { NewRun, RunEvent } from "./committer.ts";
import type { DagVersion } from "./definitions.ts";
import { ACTIVE_LIMIT, type DagRunState, TASK_INSTANCE_STATE_CODES, type TaskInstanceState } from "./states.ts";

/** One task of an active run. Replaced as a whole by a step, never changed in place. */
export interface ActiveTask {
  /** null: not yet looked at (the field's `none`). */
  readonly state: TaskInstanceState | null;
  /** Of the current or latest try, from 1; 0 before the first. */
  readonly try: number;
  /** Of the dispatch under way; a report under another one changes nothing (P4). */
  readonly fence: string | null;
  readonly queuedAt: number | null;
  readonly startedAt: number | null;
  /** UTC ms at which the next try may start, in state up_for_retry. */
  readonly dueAt: number | null;
  /** JSON; null where the task returned nothing. */
  readonly value: Uint8Array | null;
  /** Its state is in the metadata DB as it is here. */
  readonly isRecorded: boolean;
  /** How often its worker died with it and it may have been the reason. */
  readonly workerLost: number;
  /** To be dispatched alone in a worker: the last one died under it and others. */
  readonly isIsolated: boolean;
}

/** A run in the scheduler's memory; the metadata DB is its log. */
export interface ActiveRun extends Omit<NewRun, "versionId"> {
  readonly version: DagVersion;
  readonly events: readonly RunEvent[];
  readonly tasks: ActiveTask[];
  state: DagRunState;
  startedAt: number | null;
  rescues: number;
  /** A process died with it before: from now on a try is in the metadata DB before it is dispatched. */
  readonly isRescued: boolean;
  /** Counts against its trigger's backlog: none of its tasks has been dispatched. */
  isUnstarted: boolean;
}

export const NEW_TASK: ActiveTask = {
  state: null,
  try: 0,
  fence: null,
  queuedAt: null,
  startedAt: null,
  dueAt: null,
  value: null,
  isRecorded: false,
  workerLost: 0,
  isIsolated: false,
};

export function isFinal(state: TaskInstanceState | null): boolean {
  return state !== null && TASK_INSTANCE_STATE_CODES[state] >= ACTIVE_LIMIT;
}

/** Tasks whose upstream tasks have all succeeded and that have not been looked at. */
export function findReadyTasks(run: ActiveRun): readonly number[] {
  return run.version.snapshot.tasks.flatMap((_, index) =>
    run.tasks[index]!.state === null && upstreamVerdict(run, index) === "ready" ? [index] : [],
  );
}

/** `upstream_failed` and `skipped` are what becomes of the task; `wait` means that something upstream is not final. */
export type Verdict = "ready" | "wait" | "upstream_failed" | "skipped";

export function upstreamVerdict(run: Pick<ActiveRun, "version" | "tasks">, index: number): Verdict {
  const task = run.version.snapshot.tasks[index]!;
  let verdict: Verdict = "ready";
  for (const upstream of [...task.needs.map((need) => need.task), ...task.after]) {
    const { state } = run.tasks[upstream]!;
    if (state === "failed" || state === "upstream_failed") return "upstream_failed";
    if (!isFinal(state)) verdict = "wait";
    else if (state !== "success" && verdict !== "wait") verdict = "skipped";
  }
  return verdict;
}
