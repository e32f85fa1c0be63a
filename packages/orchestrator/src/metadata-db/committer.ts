import type { Clock } from "../domain/clock.ts";
import type {
  CommitListener,
  Committer,
  FoldWrites,
  HandedOverRun,
  InboxRow,
  NewRun,
  RunCreation,
  RunWrites,
  StoredEvent,
} from "../domain/committer.ts";
import type { DeadLetterReceipt, DeadLetterReplay } from "../domain/dead-letter.ts";
import { MillraceError } from "../domain/errors.ts";
import type { EventReplay, EventReplayReceipt } from "../domain/event-replay.ts";
import type { IngestReceipt, IngestUnit, NewAssetEvent } from "../domain/ingest-unit.ts";
import type { Log } from "../domain/log.ts";
import type { OutboxMessage, OutboxOutcome } from "../domain/outbox.ts";
import type { PurgeReceipt, PurgeStep } from "../domain/retention.ts";

/** One thing to write; those that are REFUSABLE may be refused and given again, the others must be stored. */
export type Work =
  | { readonly kind: "ingest"; readonly unit: IngestUnit }
  | { readonly kind: "write"; readonly writes: RunWrites }
  | { readonly kind: "create"; readonly run: RunCreation }
  | { readonly kind: "event"; readonly event: NewAssetEvent }
  | { readonly kind: "fold"; readonly writes: FoldWrites }
  | { readonly kind: "outbox"; readonly outcomes: readonly OutboxOutcome[] }
  | { readonly kind: "replay"; readonly replay: DeadLetterReplay }
  | { readonly kind: "replayEvents"; readonly replay: EventReplay }
  | { readonly kind: "discard"; readonly ids: readonly number[] }
  | { readonly kind: "purge"; readonly step: PurgeStep }
  | { readonly kind: "positions"; readonly source: string; readonly starts: ReadonlyMap<string, bigint> };

/** What a commit made that somebody is waiting for. */
export interface CommitOutput {
  /** Of this process. */
  readonly runs: NewRun[];
  readonly handedOver: HandedOverRun[];
  readonly inbox: InboxRow[];
  readonly outbox: OutboxMessage[];
}

export function emptyOutput(): CommitOutput {
  return { runs: [], handedOver: [], inbox: [], outbox: [] };
}

export interface BatchReceipt extends CommitOutput {
  /** What each piece of work gets, in order: its value, or the error that concerns it alone. */
  readonly results: readonly unknown[];
}

/** One dialect's transaction. Throws where nothing was stored: StoreUnavailable where no batch at all could have been. */
export interface BatchWriter {
  /** One that does not wait for anything is done when it returns. */
  write(batch: readonly Work[], now: number): BatchReceipt | Promise<BatchReceipt>;
}

/** A full disk, a file that cannot be written, a database that does not answer: nothing is wrong with the batch. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

interface Waiting {
  readonly work: Work;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** A value that a batch writer returns for work which failed by itself, the transaction being fine. */
export class WorkFailure {
  readonly error: Error;
  constructor(error: Error) {
    this.error = error;
  }
}

const MAX_WORK_PER_COMMIT = 1024;
const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 5_000;
const FLUSH_DEADLINE_MS = 5_000;

export interface GroupCommitterOptions {
  readonly writer: BatchWriter;
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: CommitListener;
}

/**
 * Group commit without a timer: the batch is what arrived while the last commit was under way, or in this turn of
 * the event loop. A transaction that fails is split, so that one bad piece fails alone; what must be stored is
 * tried again. Where the database takes nothing, messages stay in their broker and everything else waits.
 */
export class GroupCommitter implements Committer {
  readonly #writer: BatchWriter;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listener: CommitListener;
  #waiting: Waiting[] = [];
  #isScheduled = false;
  #isCommitting = false;
  #retryMs = RETRY_FIRST_MS;
  /** Monotonic ms since which the database has taken nothing; null while it does. */
  #failingSince: number | null = null;

  constructor(options: GroupCommitterOptions) {
    this.#writer = options.writer;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#listener = options.listener;
  }

  ingest(unit: IngestUnit): Promise<IngestReceipt> {
    return this.#submit({ kind: "ingest", unit });
  }
  write(writes: RunWrites): Promise<void> {
    return this.#submit({ kind: "write", writes });
  }
  create(run: RunCreation): Promise<NewRun> {
    return this.#submit({ kind: "create", run });
  }
  createEvent(event: NewAssetEvent): Promise<StoredEvent> {
    return this.#submit({ kind: "event", event });
  }
  fold(writes: FoldWrites): Promise<void> {
    return this.#submit({ kind: "fold", writes });
  }
  recordOutbox(outcomes: readonly OutboxOutcome[]): Promise<void> {
    return this.#submit({ kind: "outbox", outcomes });
  }
  replayDeadLetter(replay: DeadLetterReplay): Promise<DeadLetterReceipt> {
    return this.#submit({ kind: "replay", replay });
  }
  replayEvents(replay: EventReplay): Promise<EventReplayReceipt> {
    return this.#submit({ kind: "replayEvents", replay });
  }
  discardDeadLetters(ids: readonly number[]): Promise<number> {
    return this.#submit({ kind: "discard", ids });
  }
  purge(step: PurgeStep): Promise<PurgeReceipt> {
    return this.#submit({ kind: "purge", step });
  }
  startPositions(source: string, starts: ReadonlyMap<string, bigint>): Promise<void> {
    return this.#submit({ kind: "positions", source, starts });
  }

  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#isCommitting) {
      if (this.#failingSince === null) await new Promise((resolve) => setImmediate(resolve));
      else if (this.#clock.monotonic() - this.#failingSince > FLUSH_DEADLINE_MS) return;
      else await new Promise<void>((resolve) => this.#clock.after(RETRY_FIRST_MS, resolve));
    }
  }

  #submit<T>(work: Work): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isCommitting) return;
    this.#isScheduled = true;
    setImmediate(() => void this.tick());
  }

  /** Commits what is waiting; one commit is under way at a time. */
  async tick(): Promise<void> {
    this.#isScheduled = false;
    this.#isCommitting = true;
    const batch = this.#waiting.splice(0, MAX_WORK_PER_COMMIT);
    const failed = batch.length > 0 ? await this.#commit(batch) : [];
    this.#isCommitting = false;
    if (failed.length > 0 || (this.#failingSince !== null && this.#waiting.length > 0)) this.#retryLater(failed);
    else if (this.#waiting.length > 0) this.#schedule();
  }

  /** Returns, in order, what must be stored and was not. */
  async #commit(batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    let receipt: BatchReceipt;
    try {
      const works = batch.map(({ work }) => work);
      receipt = await this.#writer.write(works, this.#clock.now());
    } catch (error) {
      return error instanceof StoreUnavailable ? this.#putOff(batch, error) : this.#split(batch, error as Error);
    }
    this.#onStored();
    if (receipt.runs.length > 0) this.#listener.onRuns(receipt.runs);
    if (receipt.handedOver.length > 0) this.#listener.onHandedOver?.(receipt.handedOver);
    if (receipt.inbox.length > 0) this.#listener.onInbox(receipt.inbox);
    if (receipt.outbox.length > 0) this.#listener.onOutbox(receipt.outbox);
    settle(batch, receipt.results);
    return [];
  }

  async #split(batch: readonly Waiting[], error: Error): Promise<readonly Waiting[]> {
    const [only] = batch;
    if (batch.length > 1 || only === undefined) {
      const half = batch.length >> 1;
      const failed = await this.#commit(batch.slice(0, half));
      return [...failed, ...(await this.#commit(batch.slice(half)))];
    }
    this.#log.error("a commit failed", { work: only.work.kind, error: error.message });
    only.reject(error);
    return [];
  }

  #onStored(): void {
    this.#retryMs = RETRY_FIRST_MS;
    if (this.#failingSince === null) return;
    this.#log.info("the metadata DB takes commits again");
    this.#failingSince = null;
  }

  /** Said once, not at every attempt. */
  #putOff(batch: readonly Waiting[], error: StoreUnavailable): readonly Waiting[] {
    const told = error.cause instanceof MillraceError ? error.cause : null;
    if (this.#failingSince === null) {
      const hint =
        told?.hint ??
        "free space on its disk or make it writable again: messages stay in their brokers, finished tasks are kept in memory, nothing is lost";
      this.#log.error(`the metadata DB takes no commits: ${error.message}; tried again until it does`, { hint });
    }
    this.#failingSince ??= this.#clock.monotonic();
    const [refused, kept] = [batch.filter(isRefusable), batch.filter((waiting) => !isRefusable(waiting))];
    for (const { reject } of refused) reject(told ?? error);
    return kept;
  }

  /** Everything waits behind it, so that the steps of a run stay in order. */
  #retryLater(failed: readonly Waiting[]): void {
    this.#waiting = [...failed, ...this.#waiting];
    this.#isScheduled = true;
    this.#clock.after(this.#retryMs, () => void this.tick());
    this.#retryMs = Math.min(RETRY_LAST_MS, this.#retryMs * 2);
  }
}

const REFUSABLE: ReadonlySet<Work["kind"]> = new Set(["ingest", "create", "event", "replay", "replayEvents", "discard", "purge"]);

/** Whoever gave it gives it again, or has somebody to tell. */
function isRefusable({ work }: Waiting): boolean {
  return REFUSABLE.has(work.kind);
}

function settle(batch: readonly Waiting[], results: readonly unknown[]): void {
  batch.forEach(({ resolve, reject }, index) => {
    const result = results[index];
    if (result instanceof WorkFailure) reject(result.error);
    else resolve(result as never);
  });
}
