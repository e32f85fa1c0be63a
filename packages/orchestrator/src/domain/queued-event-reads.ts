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

/** What is held of one DAG's events, and what could be the cause. */
export interface HeldEvents {
  readonly count: number;
  /** When the one that waits longest was stored; UTC ms. */
  readonly since: number;
  /** Unfinished runs of the DAG. */
  readonly activeRuns: number;
}

export interface QueuedEventReads {
  /** By DAG id; those for which nothing waits are left out. One DAG's, where it is given. */
  held(dagId?: string): Promise<ReadonlyMap<string, HeldEvents>>;
  /** In order of DAG and asset. */
  list(filter: QueuedEventFilter): Promise<readonly QueuedEventRead[]>;
}
