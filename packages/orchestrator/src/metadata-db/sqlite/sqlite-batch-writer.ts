import type { Database, Statement } from "better-sqlite3";
import type { NewRun, RunCreation } from "../../domain/committer.ts";
import { MillraceError } from "../../domain/errors.ts";
import { type BatchReceipt, type BatchWriter, type CommitOutput, StoreUnavailable, type Work, WorkFailure } from "../committer.ts";
import { DeadLetterWriter } from "./dead-letter-writer.ts";
import { EventWriter, NO_CAUSE } from "./event-writer.ts";
import { FoldWriter } from "./fold-writer.ts";
import { IdAllocator } from "./id-allocator.ts";
import { IngestWriter } from "./ingest-writer.ts";
import { PurgeWriter } from "./purge/purge-writer.ts";
import { RunWriter } from "./run-writer.ts";
import { SourceWriter } from "./source-writer.ts";

/** One transaction per batch, on the writer's connection; synchronous=FULL makes it durable when `write` returns. */
export class SqliteBatchWriter implements BatchWriter {
  readonly sources: SourceWriter;
  readonly #ids: IdAllocator;
  readonly #events: EventWriter;
  readonly #ingests: IngestWriter;
  readonly #runs: RunWriter;
  readonly #folds: FoldWriter;
  readonly #deadLetters: DeadLetterWriter;
  readonly #purge: PurgeWriter;
  readonly #db: Database;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;

  constructor(db: Database, ownerId: number) {
    this.sources = new SourceWriter(db);
    this.#ids = new IdAllocator(db);
    this.#events = new EventWriter(db, this.#ids, ownerId);
    this.#ingests = new IngestWriter(db, this.#ids, this.#events, this.sources);
    this.#runs = new RunWriter(db, this.#ids, this.#events);
    this.#folds = new FoldWriter(db, this.#ids, this.#events);
    this.#deadLetters = new DeadLetterWriter(db, this.#events, this.sources);
    this.#purge = new PurgeWriter(db);
    this.#db = db;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
  }

  write(batch: readonly Work[], now: number): BatchReceipt {
    try {
      this.#begin.run();
      this.#ids.begin();
      const output: CommitOutput = { runs: [], inbox: [], outbox: [] };
      const results = batch.map((work) => this.#writeOne(work, now, output));
      this.sources.store();
      const number = this.#ids.store();
      this.#commit.run();
      this.#ids.commit(number);
      return { results, ...output };
    } catch (error) {
      this.sources.forget();
      this.#ingests.forget();
      // A full disk has rolled back by itself.
      if (this.#db.inTransaction) this.#rollback.run();
      throw this.#isUnavailable(error) ? new StoreUnavailable((error as Error).message, { cause: error }) : error;
    }
  }

  #writeOne(work: Work, now: number, output: CommitOutput): unknown {
    switch (work.kind) {
      case "ingest":
        return this.#ingests.write(work.unit, now, output);
      case "write":
        return this.#runs.write(work.writes, now, output);
      case "create":
        return this.#create(work.run, now, output);
      case "event":
        return this.#events.writeEvent(work.event, NO_CAUSE, now, output);
      case "fold":
        return this.#folds.write(work.writes, now, output);
      case "outbox":
        return this.#runs.recordOutbox(work.outcomes);
      case "replay":
        return this.#deadLetters.replay(work.replay, now, output);
      case "discard":
        return this.#deadLetters.discard(work.ids);
      case "purge":
        return this.#purge.step(work.step);
      case "positions":
        return this.sources.start(work.source, work.starts);
    }
  }

  #create(creation: RunCreation, now: number, output: CommitOutput): NewRun | WorkFailure {
    if (creation.customRunId !== null && this.#events.hasRun(creation.dag, creation.customRunId)) {
      return new WorkFailure(new MillraceError("DAG_RUN_EXISTS", `a run with dag_run_id '${creation.customRunId}' exists already`));
    }
    const run = this.#events.createRun(creation, now);
    output.runs.push(run);
    return run;
  }

  /** Another batch would meet it as well: anything that is not about what this one holds. */
  #isUnavailable(error: unknown): boolean {
    const { code } = error as { code?: unknown };
    return !this.#db.open || (typeof code === "string" && !/^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH|RANGE|ERROR)/.test(code));
  }
}
