// State changes of runs and tasks: (run, what happened, now) → what to write and what comes next. Pure; no other code
// writes a state column. `applyStep` puts the outcome into memory.
import type { RunUpdate, RunWrites, TaskInstanceWrite, TaskTryWrite } from "./committer.ts";
import type { LossReason } from "./executor.ts";
import type { TaskError, TaskOutcome } from "./task-outcome.ts";
import { type ActiveRun, type ActiveTask, findReadyTasks, isFinal, upstreamVerdict } from "./run.ts";
import { DAG_RUN_STATE_CODES, type DagRunState, TASK_INSTANCE_STATE_CODES } from "./states.ts";

export const MAX_WORKER_LOST = 3;
export const MAX_RESCUES = 5;
const MAX_RETRY_DELAY_MS = 600_000;

export interface RunStep {
  readonly tasks: ReadonlyMap<number, ActiveTask>;
  readonly run: { readonly state: DagRunState; readonly startedAt: number | null; readonly rescues: number };
  readonly writes: RunWrites;
  /** To be dispatched after the commit. */
  readonly ready: readonly number[];
  /** To be tried again at its `dueAt`. */
  readonly retry: number | null;
}

/** Puts a step into memory. Returns whether the run is over. */
export function applyStep(run: ActiveRun, step: RunStep): boolean {
  for (const [index, task] of step.tasks) run.tasks[index] = task;
  run.state = step.run.state;
  run.startedAt = step.run.startedAt;
  run.rescues = step.run.rescues;
  return run.state === "success" || run.state === "failed";
}

/** The first look at a run: which tasks can start. A DAG without tasks succeeds here. */
export function beginRun(run: ActiveRun, now: number): RunStep {
  return finish(run, new Map(), { now });
}

/** A task waits for room: its next try, or the same one again where a worker died under it. */
export function scheduleTask(task: ActiveTask): ActiveTask {
  const isNextTry = task.try === 0 || task.state === "up_for_retry";
  return {
    ...task,
    state: "scheduled",
    try: isNextTry ? task.try + 1 : task.try,
    fence: null,
    startedAt: null,
    dueAt: null,
    value: null,
    isRecorded: false,
  };
}

/** A try is handed to a worker. */
export function dispatchTask(task: ActiveTask, fence: string, now: number): ActiveTask {
  return { ...task, state: "queued", fence, queuedAt: now };
}

/** The worker called the task's function. */
export function startTask(task: ActiveTask, at: number): ActiveTask {
  return { ...task, state: "running", startedAt: at };
}

/** Puts into the metadata DB what has lasted: the run as running, and the tries under way. */
export function recordRunning(run: ActiveRun, indexes: readonly number[], now: number): RunStep {
  const tasks = new Map(indexes.map((index) => [index, { ...run.tasks[index]!, isRecorded: true }]));
  const startedAt = run.startedAt ?? now;
  const writes = emptyWrites(run.id, {
    run: { state: DAG_RUN_STATE_CODES.running, startedAt, endedAt: null, rescues: run.rescues, error: null },
    taskInstances: [...tasks].map(([index, task]) => toWrite(index, task, null, null)),
  });
  return { tasks, run: { state: "running", startedAt, rescues: run.rescues }, writes, ready: [], retry: null };
}

/** A try ended. `jitter` in [0, 1) spreads retries over ±25 % of their delay. */
export function endTask(run: ActiveRun, index: number, outcome: TaskOutcome, jitter: number): RunStep {
  const task = run.tasks[index]!;
  const spec = run.version.snapshot.tasks[index]!;
  const startedAt = outcome.startedAt ?? task.startedAt;
  const ended: ActiveTask = { ...task, state: outcome.outcome, fence: null, startedAt, value: outcome.value, isRecorded: true };
  const extra = { now: outcome.endedAt, outcome, index };
  if (outcome.outcome === "failed" && !outcome.isPermanent && task.try <= spec.retries) {
    const dueAt = outcome.endedAt + retryDelay(spec.retryDelayMs, task.try, jitter);
    return finish(run, new Map([[index, { ...ended, state: "up_for_retry" as const, dueAt }]]), { ...extra, retry: index });
  }
  return finish(run, new Map([[index, ended]]), extra);
}

/** Doubles with each try up to 10 minutes (or the DAG's own delay, where that is longer). */
export function retryDelay(firstMs: number, tryNumber: number, jitter: number): number {
  const doubled = Math.min(firstMs * 2 ** (tryNumber - 1), Math.max(firstMs, MAX_RETRY_DELAY_MS));
  return Math.round(doubled * (0.75 + jitter / 2));
}

/**
 * The worker died under a try. It is dispatched again as the same try; one that may have been the reason is
 * given up after MAX_WORKER_LOST times. Never spends retries.
 */
export function loseTask(run: ActiveRun, index: number, reason: LossReason, now: number): RunStep {
  const task = run.tasks[index]!;
  const workerLost = task.workerLost + (reason.isSuspect ? 1 : 0);
  if (workerLost < MAX_WORKER_LOST) {
    const again: ActiveTask = {
      ...task,
      state: null,
      fence: null,
      startedAt: null,
      workerLost,
      isRecorded: false,
      isIsolated: task.isIsolated || reason.isolate,
    };
    return { tasks: new Map([[index, again]]), run: summary(run), writes: emptyWrites(run.id, {}), ready: [index], retry: null };
  }
  const error = { name: "WorkerLost", message: `${reason.text}, ${workerLost} times; given up`, stack: "" };
  const lost: ActiveTask = { ...task, workerLost };
  const outcome: TaskOutcome = { ...NO_OUTCOME, outcome: "failed", endedAt: now, error, isPermanent: true };
  return endTask({ ...run, tasks: run.tasks.with(index, lost) }, index, outcome, 0);
}

/** A run that no number of rescues will finish. */
export function giveUpRun(run: ActiveRun, now: number): RunStep {
  const message = `RESCUED_TOO_OFTEN: the server died ${run.rescues} times while a task of this run was running`;
  return failRun(run, now, { name: "RescuedTooOften", message, stack: "" });
}

/** The outcome of one of its tasks is something that no database takes. */
export function failUnstorableRun(run: ActiveRun, now: number, cause: Error): RunStep {
  const message = `OUTCOME_NOT_STORABLE: what a task of this run left behind cannot be stored: ${cause.message}`;
  return failRun(run, now, { name: "OutcomeNotStorable", message, stack: "" });
}

/** Ends a run as failed, and its tasks that have begun. */
function failRun(run: ActiveRun, now: number, error: TaskError): RunStep {
  const begun = run.tasks.flatMap((task, index) => (task.try > 0 && !isFinal(task.state) ? [index] : []));
  const tasks = new Map(begun.map((index) => [index, { ...run.tasks[index]!, state: "failed" as const, fence: null, isRecorded: true }]));
  return finish(run, tasks, { now, error: error.message, taskError: error });
}

export const NO_OUTCOME: TaskOutcome = {
  outcome: "success",
  startedAt: null,
  endedAt: 0,
  value: null,
  error: null,
  isPermanent: false,
  logs: [],
  outletEvents: [],
  outbox: [],
};

interface FinishOptions {
  readonly now: number;
  readonly outcome?: TaskOutcome;
  /** The task that `outcome` is of. */
  readonly index?: number;
  readonly retry?: number;
  readonly error?: string;
  readonly taskError?: TaskError;
}

/** What follows from the changed tasks: downstream tasks, the end of the run, the rows. */
function finish(run: ActiveRun, changed: Map<number, ActiveTask>, options: FinishOptions): RunStep {
  const after: ActiveRun = { ...run, tasks: run.tasks.slice() };
  for (const [index, task] of changed) after.tasks[index] = task;
  cascade(after, changed);
  const isOver = after.tasks.every((task) => isFinal(task.state));
  const state: DagRunState = isOver ? (after.tasks.some(hasFailed) ? "failed" : "success") : "running";
  const startedAt = run.startedAt ?? firstStart(after) ?? (isOver ? options.now : null);
  const { outcome } = options;
  const success = outcome?.outcome === "success" ? outcome : undefined;
  const update: RunUpdate = {
    state: DAG_RUN_STATE_CODES[state],
    startedAt,
    endedAt: isOver ? options.now : null,
    rescues: run.rescues,
    error: options.error ?? null,
  };
  const writes = emptyWrites(run.id, {
    run: isOver || options.retry !== undefined ? update : null,
    taskInstances: [...changed].map(([index, task]) =>
      toWrite(index, task, options.now, index === options.index ? outcome!.error : (options.taskError ?? null)),
    ),
    tries: options.retry === undefined ? [] : [toTry(options.retry, changed.get(options.retry)!, outcome!)],
    logs: outcome?.logs ?? [],
    outletEvents: success?.outletEvents ?? [],
    outbox: success?.outbox ?? [],
  });
  const ready = isOver ? [] : findReadyTasks(after).filter((index) => options.index === undefined || dependsOn(run, index, options.index));
  return { tasks: changed, run: { state, startedAt, rescues: run.rescues }, writes, ready, retry: options.retry ?? null };
}

/** Tasks are in topological order, so one pass reaches everything below a failed or skipped task. */
function cascade(run: ActiveRun, changed: Map<number, ActiveTask>): void {
  run.tasks.forEach((task, index) => {
    if (task.state !== null) return;
    const verdict = upstreamVerdict(run, index);
    if (verdict !== "upstream_failed" && verdict !== "skipped") return;
    const ended: ActiveTask = { ...task, state: verdict, isRecorded: true };
    run.tasks[index] = ended;
    changed.set(index, ended);
  });
}

function dependsOn(run: ActiveRun, index: number, upstream: number): boolean {
  const task = run.version.snapshot.tasks[index]!;
  return task.after.includes(upstream) || task.needs.some((need) => need.task === upstream);
}

function hasFailed(task: ActiveTask): boolean {
  return task.state === "failed" || task.state === "upstream_failed";
}

function firstStart(run: ActiveRun): number | null {
  const starts = run.tasks.flatMap(({ startedAt }) => startedAt ?? []);
  return starts.length === 0 ? null : Math.min(...starts);
}

function summary(run: ActiveRun): RunStep["run"] {
  return { state: run.state, startedAt: run.startedAt, rescues: run.rescues };
}

function emptyWrites(runId: number, writes: Partial<RunWrites>): RunWrites {
  return { runId, run: null, taskInstances: [], tries: [], logs: [], outletEvents: [], outbox: [], ...writes };
}

function encodeError(error: TaskError | null): Uint8Array | null {
  return error === null ? null : Buffer.from(JSON.stringify(error));
}

function toWrite(taskIndex: number, task: ActiveTask, endedAt: number | null, error: TaskError | null): TaskInstanceWrite {
  const { try: number, queuedAt, startedAt, dueAt, value, workerLost, state } = task;
  const code = TASK_INSTANCE_STATE_CODES[state ?? "scheduled"];
  return {
    taskIndex,
    mapIndex: -1,
    state: code,
    try: number,
    queuedAt,
    startedAt,
    endedAt,
    dueAt,
    value,
    error: encodeError(error),
    workerLost,
  };
}

function toTry(taskIndex: number, task: ActiveTask, outcome: TaskOutcome): TaskTryWrite {
  const { try: number, startedAt } = task;
  return {
    taskIndex,
    mapIndex: -1,
    try: number,
    state: TASK_INSTANCE_STATE_CODES.failed,
    startedAt,
    endedAt: outcome.endedAt,
    error: encodeError(outcome.error),
  };
}
