import type { AuditReads } from "./audit-reads.ts";
import type { DagSnapshot, JsonSchema, TaskSnapshot } from "./dag-snapshot.ts";
import type { DecisionName } from "./decision.ts";
import type { ReplayReads } from "./event-replay.ts";
import type { ProcessStatusReads } from "./process-status.ts";
import type { RetentionReads } from "./retention.ts";
import type { QueuedEventReads } from "./queued-event-reads.ts";
import type { WatcherRead, WatcherReads } from "./watcher-reads.ts";
import type { XcomReads } from "./xcom-reads.ts";
import type { DagRunState, RunType, TaskInstanceState } from "./states.ts";

/** What people and programs may look up. Answers come from a connection of their own and never hold up the writer. */
export interface Reads {
  readonly dags: DagReads;
  readonly dagRuns: DagRunReads;
  readonly taskInstances: TaskInstanceReads;
  readonly taskLogs: TaskLogReads;
  readonly assets: AssetReads;
  readonly assetEvents: AssetEventReads;
  readonly importErrors: ImportErrorReads;
  readonly deadLetters: DeadLetterReads;
  readonly watchers: WatcherReads;
  readonly processStatus: ProcessStatusReads;
  readonly queuedEvents: QueuedEventReads;
  readonly xcoms: XcomReads;
  readonly audit: AuditReads;
  readonly replay: ReplayReads;
  readonly retention: RetentionReads;
}

export interface PageRequest {
  readonly limit: number;
  readonly offset: number;
  /** In order of id, which is the order of commits: oldest first, or newest first. */
  readonly order: "ascending" | "descending";
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** All rows that match, on other pages too. */
  readonly total: number;
}

/** Instants in UTC ms: from (inclusive), before (exclusive). */
export interface TimeRange {
  readonly from?: number | undefined;
  readonly before?: number | undefined;
}

// DAGs ---------------------------------------------------------------------------------------------------------------

export interface DagVersionRead {
  readonly id: number;
  readonly dag: number;
  readonly dagId: string;
  readonly number: number;
  readonly hash: string;
  readonly bundleHash: string;
  /** Absolute. */
  readonly sourcePath: string;
  readonly createdAt: number;
  readonly snapshot: DagSnapshot;
}

export interface DagRead {
  readonly id: number;
  readonly dagId: string;
  readonly file: string;
  readonly isPaused: boolean;
  readonly isStale: boolean;
  readonly createdAt: number;
  readonly loadedAt: number;
  /** Its file does not load now; `version` is the last good one. */
  readonly hasImportError: boolean;
  readonly version: DagVersionRead;
}

export interface DagFilter {
  /** Part of the id, in any case. */
  readonly dagIdPart?: string | undefined;
  readonly dagIdPrefix?: string | undefined;
  readonly isPaused?: boolean | undefined;
  readonly hasImportError?: boolean | undefined;
  readonly excludeStale: boolean;
  readonly tags?: readonly string[] | undefined;
  readonly tagsMatch: "any" | "all";
}

export interface DagReads {
  /** In order of the DAG's id string. */
  list(filter: DagFilter, page: PageRequest): Promise<Page<DagRead>>;
  find(dagId: string): Promise<DagRead | null>;
  /** Every version that is kept, in order of number. */
  versions(dag: DagRead): Promise<readonly DagVersionRead[]>;
}

// DAG runs -----------------------------------------------------------------------------------------------------------

export interface DagRunRead {
  readonly id: number;
  readonly dagId: string;
  readonly dagRunId: string;
  readonly state: DagRunState;
  readonly runType: RunType;
  readonly logicalDate: number | null;
  readonly params: Readonly<Record<string, unknown>>;
  /** The asset event that started it; null where none or several did. */
  readonly eventId: number | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly error: string | null;
  readonly rescues: number;
  readonly version: DagVersionRead;
}

export interface DagRunFilter {
  /** Undefined, with `dagIds`, for the runs of every DAG. */
  readonly dagId?: string | undefined;
  readonly dagIds?: readonly string[] | undefined;
  readonly states?: readonly DagRunState[] | undefined;
  readonly runTypes?: readonly RunType[] | undefined;
  readonly created?: TimeRange | undefined;
  readonly started?: TimeRange | undefined;
  readonly ended?: TimeRange | undefined;
  readonly logicalDate?: TimeRange | undefined;
  /** Only runs that come after this id in the order of the page. */
  readonly afterId?: number | undefined;
}

export interface DagRunReads {
  list(filter: DagRunFilter, page: PageRequest): Promise<Page<DagRunRead>>;
  /** `dagRunId`: ours, or the one a user gave. */
  find(dagId: string, dagRunId: string): Promise<DagRunRead | null>;
  findMany(ids: readonly number[]): Promise<ReadonlyMap<number, DagRunRead>>;
  /** How many runs of a DAG are in each state; it looks through their whole history. */
  countByState(dagId: string): Promise<ReadonlyMap<DagRunState, number>>;
}

// Task instances -----------------------------------------------------------------------------------------------------

export interface TaskErrorRead {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** The latest try of a task. What has no row yet is told from the run's dag version. */
export interface TaskInstanceRead {
  readonly run: DagRunRead;
  readonly task: TaskSnapshot;
  readonly taskIndex: number;
  /** -1: not mapped. */
  readonly mapIndex: number;
  /** null: it waits for other tasks, or its run ended without it. */
  readonly state: TaskInstanceState | null;
  /** Counts from 1; 0 where no try was recorded. */
  readonly tryNumber: number;
  readonly queuedAt: number | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly dueAt: number | null;
  readonly error: TaskErrorRead | null;
  readonly workerLost: number;
}

/** An earlier try; the latest is the task instance itself. */
export interface TaskTryRead {
  readonly tryNumber: number;
  readonly state: TaskInstanceState;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly error: TaskErrorRead | null;
}

export interface TaskInstanceFilter {
  /** Which runs; all of them where it is empty. */
  readonly runs: DagRunFilter;
  readonly taskId?: string | undefined;
  readonly mapIndexes?: readonly number[] | undefined;
  /** null stands for task instances without a state. */
  readonly states?: readonly (TaskInstanceState | null)[] | undefined;
}

export interface TaskInstanceWalk {
  readonly rows: readonly TaskInstanceRead[];
  /** Give it as `runs.afterId` to go on; null at the end. */
  readonly nextRunId: number | null;
}

export interface TaskInstanceReads {
  /** Every task of the run, in topological order. */
  listOfRun(run: DagRunRead): Promise<readonly TaskInstanceRead[]>;
  /**
   * Task instances of many runs, run by run. Only whole runs are taken, until there are `limit` rows or more, or
   * 10,000 runs were looked at.
   */
  walk(filter: TaskInstanceFilter, page: Pick<PageRequest, "limit" | "order">): Promise<TaskInstanceWalk>;
  earlierTries(instance: TaskInstanceRead): Promise<readonly TaskTryRead[]>;
}

export interface TaskLogRequest {
  readonly runId: number;
  readonly taskIndex: number;
  readonly mapIndex: number;
  readonly tryNumber: number;
  /** Chunks up to this one were read; -1 for none. */
  readonly afterSeq: number;
  readonly limit: number;
}

export interface TaskLogChunk {
  readonly seq: number;
  /** NDJSON `{t, level, msg, fields?, stream?}`. */
  readonly bytes: Uint8Array;
}

export interface TaskLogReads {
  chunks(request: TaskLogRequest): Promise<readonly TaskLogChunk[]>;
}

// Assets -------------------------------------------------------------------------------------------------------------

/** A DAG that an asset schedules, or one of its tasks that updates or reads it. */
export interface AssetUse {
  readonly dagId: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}
export interface AssetTaskUse extends AssetUse {
  readonly taskId: string;
}

export interface AssetRead {
  readonly id: number;
  readonly name: string;
  readonly uri: string | null;
  readonly group: string | null;
  readonly description: string | null;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly schema: JsonSchema | null;
  readonly isStale: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly watchers: readonly WatcherRead[];
  readonly scheduledDags: readonly AssetUse[];
  readonly producingTasks: readonly AssetTaskUse[];
  readonly consumingTasks: readonly AssetTaskUse[];
  readonly lastEvent: { readonly id: number; readonly createdAt: number } | null;
}

export interface AssetFilter {
  readonly namePart?: string | undefined;
  readonly uriPart?: string | undefined;
  readonly dagIds?: readonly string[] | undefined;
  readonly excludeStale: boolean;
}

export interface AssetReads {
  list(filter: AssetFilter, page: PageRequest): Promise<Page<AssetRead>>;
  find(id: number): Promise<AssetRead | null>;
}

// Asset events -------------------------------------------------------------------------------------------------------

/** The message that became the event. */
export interface MessageCause {
  readonly triggerId: number;
  readonly source: string | null;
  readonly partition: string | null;
  readonly offset: number | null;
  readonly messageId: string | null;
  readonly sentAt: number | null;
}

/** The task whose success brought the event. */
export interface TaskCause {
  readonly dagId: string;
  readonly dagRunId: string;
  readonly taskId: string;
  readonly mapIndex: number;
}

export interface AssetEventRead {
  readonly id: number;
  readonly assetId: number;
  readonly name: string | null;
  readonly uri: string | null;
  readonly group: string | null;
  readonly payload: unknown;
  readonly messageKey: Uint8Array | null;
  readonly headers: readonly (readonly [string, string])[];
  readonly extra: Readonly<Record<string, unknown>>;
  readonly partitionKey: string | null;
  readonly createdAt: number;
  readonly message: MessageCause | null;
  readonly task: TaskCause | null;
  /** The runs it started or took part in starting. */
  readonly createdRuns: readonly DagRunRead[];
}

/** What an event did for one DAG, and why. */
export interface DecisionRead {
  readonly dagId: string;
  /** Of the replay that it was decided in once more; null for the first time. */
  readonly replayId: number | null;
  readonly decision: DecisionName;
  /** The version of the DAG that decided; null where it is not kept. */
  readonly version: DagVersionRead | null;
  readonly reason: string | null;
  readonly run: DagRunRead | null;
  readonly until: number | null;
  readonly at: number;
}

export interface AssetEventFilter {
  readonly assetId?: number | undefined;
  readonly namePart?: string | undefined;
  readonly sourceDagId?: string | undefined;
  readonly sourceTaskId?: string | undefined;
  readonly sourceRunId?: string | undefined;
  readonly sourceMapIndex?: number | undefined;
  readonly created?: TimeRange | undefined;
}

export interface AssetEventReads {
  list(filter: AssetEventFilter, page: PageRequest): Promise<Page<AssetEventRead>>;
  find(id: number): Promise<AssetEventRead | null>;
  /** The events that started this run, oldest first. */
  listOfRun(run: DagRunRead): Promise<readonly AssetEventRead[]>;
  decisions(event: AssetEventRead): Promise<readonly DecisionRead[]>;
}

// What went wrong ----------------------------------------------------------------------------------------------------

export interface ImportErrorRead {
  readonly id: number;
  readonly file: string;
  readonly code: string;
  readonly message: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly hint: string;
  readonly stack: string;
  readonly createdAt: number;
}

export interface ImportErrorReads {
  /** `filePart`: part of the file's path, in any case. */
  list(filter: { readonly filePart?: string | undefined }, page: PageRequest): Promise<Page<ImportErrorRead>>;
  find(id: number): Promise<ImportErrorRead | null>;
}

export interface DeadLetterRead {
  readonly id: number;
  readonly assetId: number | null;
  readonly asset: string | null;
  readonly triggerId: number | null;
  readonly source: string | null;
  readonly partition: string | null;
  readonly offset: number | null;
  readonly messageId: string | null;
  readonly value: Uint8Array | null;
  readonly messageKey: Uint8Array | null;
  readonly headers: readonly (readonly [string, string])[];
  readonly reasonCode: string;
  readonly reason: string;
  readonly createdAt: number;
}

export interface DeadLetterFilter {
  readonly ids?: readonly number[] | undefined;
  readonly assetId?: number | undefined;
  readonly reasonCode?: string | undefined;
  readonly created?: TimeRange | undefined;
}

export interface DeadLetterReads {
  list(filter: DeadLetterFilter, page: PageRequest): Promise<Page<DeadLetterRead>>;
  /** In order of id, after that one. */
  walk(filter: DeadLetterFilter, afterId: number, limit: number): Promise<readonly DeadLetterRead[]>;
  walkIds(filter: DeadLetterFilter, afterId: number, limit: number): Promise<readonly number[]>;
  find(id: number): Promise<DeadLetterRead | null>;
}
