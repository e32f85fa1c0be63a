/** Events of one asset that wait to be decided for one DAG. */
export interface QueuedEventRead {
  readonly dagId: string;
  readonly assetId: number;
  /** Of the oldest. */
  readonly createdAt: number;
  readonly count: number;
}

export interface QueuedEventFilter {
  readonly dagId?: string | undefined;
  readonly assetId?: number | undefined;
  /** Only events stored before this instant (UTC ms). */
  readonly before?: number | undefined;
}

export interface QueuedEventReads {
  /** In order of DAG and asset. */
  list(filter: QueuedEventFilter): Promise<readonly QueuedEventRead[]>;
}
