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

export interface EngineControl {
  /** @throws {MillraceError} DAG_NOT_FOUND, DAG_RUN_EXISTS, BAD_PARAMS, BAD_PAYLOAD, EVENT_NEEDED, SERVER_STOPPING */
  createDagRun(request: CreateDagRunRequest): Promise<CreatedDagRun>;
  health(): EngineHealth;
}
