import type { Database, Statement } from "better-sqlite3";
import { type BatchReceipt, type BatchWriter, type CommitOutput, emptyOutput, StoreUnavailable, type Work } from "../committer.ts";
import { CommitRows } from "../commit/commit-rows.ts";
import { IngestCounts } from "../commit/ingest-counts.ts";
import { planBatch } from "../commit/plan-batch.ts";
import { BLOCKING_PACE, PurgeWriter } from "../purge/purge-writer.ts";
import { IdAllocator } from "./id-allocator.ts";
import { RowWriter } from "./row-writer.ts";
import { SqliteLookups } from "./sqlite-lookups.ts";
import { SqliteRunner } from "./sqlite-runner.ts";

/** One transaction per batch, on the writer's connection; synchronous=FULL makes it durable when `write` returns. */
export class SqliteBatchWriter implements BatchWriter {
  readonly #ids: IdAllocator;
  readonly #lookups: SqliteLookups;
  readonly #counts = new IngestCounts();
  readonly #rows: RowWriter;
  readonly #purge: PurgeWriter;
  readonly #runner: SqliteRunner;
  readonly #processId: number;
  readonly #db: Database;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;

  constructor(db: Database, processId: number) {
    this.#ids = new IdAllocator(db);
    this.#lookups = new SqliteLookups(db);
    this.#rows = new RowWriter(db);
    this.#runner = new SqliteRunner(db);
    this.#purge = new PurgeWriter(this.#runner, BLOCKING_PACE, false);
    this.#processId = processId;
    this.#db = db;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
  }

  /** Done when it returns: nothing else of this process comes between. */
  write(batch: readonly Work[], now: number): BatchReceipt {
    try {
      this.#begin.run();
      this.#ids.begin();
      const output = emptyOutput();
      const results = this.#write(batch, now, output);
      const number = this.#ids.store();
      this.#commit.run();
      this.#ids.commit(number);
      return { results, ...output };
    } catch (error) {
      this.#lookups.forget();
      this.#counts.forget();
      // A full disk has rolled back by itself.
      if (this.#db.inTransaction) this.#rollback.run();
      throw this.#isUnavailable(error) ? new StoreUnavailable((error as Error).message, { cause: error }) : error;
    }
  }

  #write(batch: readonly Work[], now: number, output: CommitOutput): readonly unknown[] {
    const rows = new CommitRows();
    const own = { processId: this.#processId, takeId: () => this.#ids.take(), ownerOfNewRun: () => this.#processId };
    const results = planBatch(batch, this.#counts, { now, rows, output, lookups: this.#lookups, ...own }, ({ step }) =>
      this.#runner.runNow(this.#purge.step(step)),
    );
    this.#lookups.plan(rows);
    this.#rows.write(rows);
    return results;
  }

  /** Another batch would meet it as well: anything that is not about what this one holds. */
  #isUnavailable(error: unknown): boolean {
    const { code } = error as { code?: unknown };
    return !this.#db.open || (typeof code === "string" && !/^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH|RANGE|ERROR)/.test(code));
  }
}
