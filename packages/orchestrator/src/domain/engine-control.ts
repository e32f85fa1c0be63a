import type { ReplayedDeadLetter } from "./dead-letter.ts";
import type { EventReplayPage, EventReplayRequest, ReplayCandidate } from "./event-replay.ts";
import type { DeadLetterRead } from "./reads.ts";

/** What the API asks of the engine: the acts that need its memory. Everything else the API reads from the metadata DB. */

export interface CreateDagRunRequest {
  readonly dagId: string;
  /** The caller's own `dag_run_id`; null makes one. */
  readonly customRunId: string | null;
  readonly logicalDate: number | null;
  /** Checked against the DAG's params schema; defaults are filled in. */
  readonly params: Readonly<Record<string, unknown>>;
  /**
   * For a DAG scheduled on an asset: the payload its run gets as `event`, checked against the asset's schema.
   * It is stored as an asset event for this DAG alone. Undefined where the DAG has no asset.
   */
  readonly payload?: unknown;
}

export interface CreatedDagRun {
  readonly id: number;
  readonly dagRunId: string;
}

export interface EngineHealth {
  /** Runs can start. */
  readonly isReady: boolean;
  /** The DAG files were loaded once; from then on changes are. */
  readonly loader: boolean;
  readonly scheduler: boolean;
  readonly triggerer: boolean;
  /** A worker has connected. */
  readonly executor: boolean;
}

/** By id, name or URI; exactly one of them. */
export type AssetRef = { readonly id: number } | { readonly name: string } | { readonly uri: string };

export interface CreateAssetEventRequest {
  readonly asset: AssetRef;
  /** Checked against the asset's schema. */
  readonly payload: unknown;
  readonly extra: Readonly<Record<string, unknown>> | null;
  readonly partitionKey: string | null;
}

export interface CreatedAssetEvent {
  readonly id: number;
  readonly assetId: number;
  readonly createdAt: number;
}

export interface DagPause {
  readonly dagId: string;
  readonly isPaused: boolean;
  /** Events that wait: from now on held, or about to be decided. */
  readonly pendingEvents: number;
}

export interface UnpauseOptions {
  /** What waits is decided `dropped` and starts nothing. */
  readonly drop?: boolean;
}

export interface ReplayOptions {
  /** Nothing is stored; the answer says what would be. */
  readonly isDryRun: boolean;
}

export interface EngineControl {
  /** @throws {MillraceError} DAG_NOT_FOUND, DAG_RUN_EXISTS, BAD_PARAMS, BAD_PAYLOAD, EVENT_NEEDED, SERVER_STOPPING */
  createDagRun(request: CreateDagRunRequest): Promise<CreatedDagRun>;
  /** An event made by hand: decided for every subscribed DAG. @throws {MillraceError} ASSET_NOT_FOUND, BAD_PAYLOAD, SERVER_STOPPING */
  createAssetEvent(request: CreateAssetEventRequest): Promise<CreatedAssetEvent>;
  /** A paused DAG starts no runs; its events are held. Repeating it changes nothing. @throws {MillraceError} DAG_NOT_FOUND */
  pauseDag(dagId: string): Promise<DagPause>;
  /** What was held is decided, in order. @throws {MillraceError} DAG_NOT_FOUND */
  unpauseDag(dagId: string, options?: UnpauseOptions): Promise<DagPause>;
  /** What waits for a DAG is decided `dropped` and starts nothing; gives how many events that were. @throws {MillraceError} DAG_NOT_FOUND */
  dropPendingEvents(dagId: string): Promise<number>;
  /** Each by its asset's definition as it is now, once there is room for what it starts. @throws {MillraceError} SERVER_STOPPING */
  replayDeadLetters(letters: readonly DeadLetterRead[], options: ReplayOptions): Promise<readonly ReplayedDeadLetter[]>;
  /**
   * Has the DAGs decide them once more, by their schedules as they are now. Where an inbox is too full nothing is done, and the
   * answer says so. @throws {MillraceError} DAG_NOT_FOUND, CEL_INVALID, SERVER_STOPPING
   */
  replayEvents(candidates: readonly ReplayCandidate[], request: EventReplayRequest): Promise<EventReplayPage>;
  /** How many there still were. @throws {MillraceError} SERVER_STOPPING */
  discardDeadLetters(ids: readonly number[]): Promise<number>;
  health(): EngineHealth;
}
