import type { IngestReceipt, IngestUnit, NewAssetEvent } from "./ingest-unit.ts";
import type { OutboxMessage, OutboxOutcome } from "./outbox.ts";
import type { RunType } from "./states.ts";

/** An asset event as it was stored. */
export interface StoredEvent {
  readonly id: number;
  readonly createdAt: number;
  readonly data: NewAssetEvent;
}

/** A run made by a commit; whoever owns it takes it from here. */
export interface NewRun {
  readonly id: number;
  readonly dag: number;
  readonly versionId: number;
  readonly type: RunType;
  readonly triggerId: number | null;
  readonly logicalDate: number | null;
  readonly params: Uint8Array | null;
  readonly customRunId: string | null;
  readonly createdAt: number;
  readonly event: StoredEvent | null;
}

export interface TaskKey {
  readonly taskIndex: number;
  readonly mapIndex: number;
}

export interface TaskInstanceWrite extends TaskKey {
  readonly state: number;
  readonly try: number;
  readonly queuedAt: number | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly dueAt: number | null;
  readonly value: Uint8Array | null;
  readonly error: Uint8Array | null;
  readonly workerLost: number;
}

export interface TaskTryWrite extends TaskKey {
  readonly try: number;
  readonly state: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly error: Uint8Array | null;
}

export interface TaskLogWrite extends TaskKey {
  readonly try: number;
  readonly seq: number;
  readonly chunk: Uint8Array;
}

export interface OutletEventWrite extends TaskKey {
  readonly event: NewAssetEvent;
}

export interface OutboxWrite extends TaskKey {
  readonly kind: string;
  readonly connection: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
}

export interface RunUpdate {
  readonly state: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly rescues: number;
  readonly error: string | null;
}

/** What one step of one run changes; all of it in one commit. */
export interface RunWrites {
  readonly runId: number;
  readonly run: RunUpdate | null;
  readonly taskInstances: readonly TaskInstanceWrite[];
  readonly tries: readonly TaskTryWrite[];
  readonly logs: readonly TaskLogWrite[];
  readonly outletEvents: readonly OutletEventWrite[];
  readonly outbox: readonly OutboxWrite[];
}

export interface RunCreation {
  readonly dag: number;
  readonly versionId: number;
  readonly type: RunType;
  readonly logicalDate: number | null;
  readonly params: Uint8Array | null;
  readonly customRunId: string | null;
  /** Stored as an event that only this run sees. */
  readonly event: NewAssetEvent | null;
}

/**
 * The only writer of the hot path, one per process. What is given while a commit is under way goes into the next
 * one, all of it in one transaction. Every promise settles after its commit.
 */
export interface Committer {
  /** Rejects where nothing of the unit was stored. */
  ingest(unit: IngestUnit): Promise<IngestReceipt>;
  /** Tried again until it is stored. @throws where the step itself can never be, whatever the state of the database. */
  write(writes: RunWrites): Promise<void>;
  /** @throws {MillraceError} DAG_RUN_EXISTS */
  create(run: RunCreation): Promise<NewRun>;
  recordOutbox(outcomes: readonly OutboxOutcome[]): Promise<void>;
  startPositions(source: string, starts: ReadonlyMap<string, bigint>): Promise<void>;
  /** Resolves once everything given so far is stored; or where the database has taken nothing for 5 s: then it is as after a crash (P5). */
  flush(): Promise<void>;
}

/** Told after each commit, before its promises settle. */
export interface CommitListener {
  onRuns(runs: readonly NewRun[]): void;
  onOutbox(messages: readonly OutboxMessage[]): void;
}
