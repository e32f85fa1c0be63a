import type { DeadLetterReceipt, DeadLetterReplay } from "./dead-letter.ts";
import type { DecisionCode } from "./decision.ts";
import type { EventReplay, EventReplayReceipt } from "./event-replay.ts";
import type { IngestReceipt, IngestUnit, NewAssetEvent } from "./ingest-unit.ts";
import type { OutboxMessage, OutboxOutcome } from "./outbox.ts";
import type { FoldedRun, PendingEvent } from "./pattern-fold.ts";
import type { PurgeReceipt, PurgeStep } from "./retention.ts";
import type { RunType } from "./states.ts";
import type { TimePartState } from "./time-pattern.ts";

/** An asset event as it was stored. */
export interface StoredEvent {
  readonly id: number;
  readonly createdAt: number;
  /** What listened, where a message brought it. */
  readonly triggerId: number | null;
  readonly data: NewAssetEvent;
}

/** One of the events that a run was started with. */
export interface RunEvent extends StoredEvent {
  /** The leg of the pattern that it took. */
  readonly leg: number;
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
  /** Which part of the DAG's pattern started it (pattern-parts.ts); "" where it has one only. */
  readonly part: string;
  /** null where they are to be read from the metadata DB. */
  readonly events: readonly RunEvent[] | null;
}

/** A run that a commit of this process made for another one. */
export interface HandedOverRun {
  readonly ownerId: number;
  readonly dag: number;
  readonly triggerId: number | null;
  readonly runId: number;
}

/** An event that a commit put into a DAG's inbox. */
export interface InboxRow extends PendingEvent {
  readonly dag: number;
  readonly shard: number;
  /** Of the version by whose pattern the slots are. */
  readonly versionId: number;
}

/** What the inbox of one DAG came to, or the time: all of it in one commit. */
export interface FoldWrites {
  readonly dag: number;
  /** Only its holder folds (ADR 0012): the lease that it was folded under. */
  readonly shard: number;
  readonly shardEpoch: number;
  readonly versionId: number;
  readonly runs: readonly FoldedRun[];
  /** Events that start nothing: their rows go, and this is why. */
  readonly rejected: readonly { readonly event: PendingEvent; readonly code: DecisionCode; readonly reason: string | null }[];
  /** Runs that it is time for. */
  readonly scheduled: readonly { readonly part: string; readonly logicalDate: number }[];
  /** By PatternPart.path. */
  readonly timeParts: readonly { readonly part: string; readonly state: TimePartState }[];
}

/** Messages were not stored: another process has the trigger open by now, and reads them again. */
export class TriggerLeaseLost extends Error {
  override readonly name = "TriggerLeaseLost";
}

/** A fold was not stored: another process holds the shard by now, and folds the same rows. */
export class ShardLost extends Error {
  override readonly name = "ShardLost";
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
  readonly part: string;
  /** Stored as events that only this run sees. */
  readonly events: readonly { readonly event: NewAssetEvent; readonly leg: number }[];
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
  /** An event that no message and no task brought. */
  createEvent(event: NewAssetEvent): Promise<StoredEvent>;
  /** Tried again until it is stored. */
  fold(writes: FoldWrites): Promise<void>;
  recordOutbox(outcomes: readonly OutboxOutcome[]): Promise<void>;
  /** The letter goes in the commit that stores its events, or stays with its new reason. Rejects where nothing was stored. */
  replayDeadLetter(replay: DeadLetterReplay): Promise<DeadLetterReceipt>;
  /** Each event into the inbox of its DAG once more, with its decision. Rejects where nothing was stored. */
  replayEvents(replay: EventReplay): Promise<EventReplayReceipt>;
  /** How many there were. Rejects where none was deleted. */
  discardDeadLetters(ids: readonly number[]): Promise<number>;
  /** Rejects where nothing was deleted. */
  purge(step: PurgeStep): Promise<PurgeReceipt>;
  startPositions(source: string, starts: ReadonlyMap<string, bigint>): Promise<void>;
  /** Resolves once everything given so far is stored; or where the database has taken nothing for 5 s: then it is as after a crash (P5). */
  flush(): Promise<void>;
}

/** Told after each commit, before its promises settle. */
export interface CommitListener {
  onRuns(runs: readonly NewRun[]): void;
  /** Their owners are to be told. */
  onHandedOver?(runs: readonly HandedOverRun[]): void;
  onInbox(rows: readonly InboxRow[]): void;
  onOutbox(messages: readonly OutboxMessage[]): void;
}
