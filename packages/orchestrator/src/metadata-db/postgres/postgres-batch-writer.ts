import { type Client, DatabaseError, type QueryConfig } from "pg";
import { type BatchReceipt, type BatchWriter, emptyOutput, StoreUnavailable, type Work } from "../committer.ts";
import { MillraceError } from "../../domain/errors.ts";
import { CommitRows } from "../commit/commit-rows.ts";
import { type CommitNeeds, needsOf } from "../commit/commit-needs.ts";
import { IngestCounts } from "../commit/ingest-counts.ts";
import { planBatch, runExists } from "../commit/plan-batch.ts";
import { PurgeWriter, REMOTE_PACE } from "../purge/purge-writer.ts";
import type { SqlRow } from "../sql-script.ts";
import { CommitIds } from "./commit-ids.ts";
import { PostgresLookups } from "./postgres-lookups.ts";
import { driveScript, type SendStatement } from "./drive-script.ts";
import { queryOf } from "./row-statements.ts";
import { SourceIds } from "./source-ids.ts";
import { UncertainCommit } from "./uncertain-commit.ts";

export interface PostgresBatchWriterOptions {
  /** A new client each time, not connected, with `pipeline`. */
  readonly makeClient: () => Client;
  readonly processId: number;
  /** The process that a new run is given to. */
  readonly ownerOfNewRun: () => number;
  /** Another process has declared this one dead: it must end. */
  readonly onFenced: () => void;
}

/**
 * One transaction per batch on a connection of its own, in two round trips: what must be known, under its locks; then all
 * rows and the commit. What needs nothing takes one. Every commit shows that this process is still live (fencing).
 */
export class PostgresBatchWriter implements BatchWriter {
  readonly #options: PostgresBatchWriterOptions;
  readonly #sources = new SourceIds();
  readonly #counts = new IngestCounts();
  readonly #purge = new PurgeWriter({ indexedBy: () => "" }, REMOTE_PACE, true);
  #client: Client | null = null;
  #uncertain: UncertainCommit | null = null;
  /** Of the last commit that was begun and can be uncertain. */
  #number = 0;

  constructor(options: PostgresBatchWriterOptions) {
    this.#options = options;
  }

  async write(batch: readonly Work[], now: number): Promise<BatchReceipt> {
    const client = await this.#connect();
    const settled = await this.#settleUncertain(client);
    const left = settled === null ? batch : batch.filter((work) => !settled.results.has(work));
    const receipt = left.length === 0 ? { results: [], ...emptyOutput() } : await this.#tryWrite(client, left, now);
    if (settled === null) return receipt;
    this.#uncertain = null;
    return settled.join(batch, receipt);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }

  async #tryWrite(client: Client, batch: readonly Work[], now: number): Promise<BatchReceipt> {
    for (let tries = 1; ; tries += 1) {
      try {
        const receipt = await this.#writeOnce(client, batch, now);
        this.#sources.endTransaction(true);
        return receipt;
      } catch (error) {
        this.#sources.endTransaction(false);
        this.#counts.forget();
        if (isRetried(error) && tries < MAX_TRIES) continue;
        const [only] = batch;
        // Another process was quicker by a moment.
        if (batch.length === 1 && only?.kind === "create" && codeOf(error) === UNIQUE_VIOLATION) {
          return { results: [runExists(only.run.customRunId)], ...emptyOutput() };
        }
        throw this.#explain(error);
      }
    }
  }

  async #writeOnce(client: Client, batch: readonly Work[], now: number): Promise<BatchReceipt> {
    const needs = needsOf(batch);
    const begun = client.query("BEGIN");
    if (needs.isRepeatable) {
      const { queries, receipt } = this.#plan(batch, now, null);
      await settleAll([
        begun,
        client.query(fence(this.#options.processId)),
        ...queries.map((query) => client.query(query)),
        client.query("COMMIT"),
      ]);
      return receipt;
    }
    let isCommitSent = false;
    let uncertain: UncertainCommit | null = null;
    try {
      const known = await this.#ask(client, begun, batch, needs, now);
      const { queries, receipt } = this.#plan(batch, now, known);
      uncertain = new UncertainCommit({ processId: this.#options.processId, number: this.#number }, batch, receipt);
      const sent = [...queries.map((query) => client.query(query)), client.query("COMMIT")];
      isCommitSent = true;
      await settleAll(sent);
      return receipt;
    } catch (error) {
      if (isCommitSent && !(error instanceof DatabaseError)) this.#uncertain = uncertain;
      // Whatever it says: the connection is given up where it does not obey.
      else await client.query("ROLLBACK").catch(() => this.#disconnect());
      throw error;
    }
  }

  /** The first round trip. */
  async #ask(client: Client, begun: Promise<unknown>, batch: readonly Work[], needs: CommitNeeds, now: number): Promise<Known> {
    const { processId } = this.#options;
    this.#number += 1;
    const fenced = client.query({ name: "fence_and_number", text: FENCE_AND_NUMBER, values: [processId, this.#number] });
    const reading = PostgresLookups.read(client, needs, this.#sources, processId, now);
    await settleAll([begun, fenced, reading]);
    const lookups = await reading;
    if ((await fenced).rowCount === 0) throw new Fenced();
    const ids = await CommitIds.draw(client, needs.ids);
    const purged = new Map<Work, unknown>();
    const send: SendStatement = async (text, values) => (await client.query<SqlRow>(text, [...values])).rows;
    for (const work of batch) if (work.kind === "purge") purged.set(work, await driveScript(this.#purge.step(work.step), send));
    return { lookups, ids, purged };
  }

  #plan(
    batch: readonly Work[],
    now: number,
    known: Known | null,
  ): { readonly queries: readonly QueryConfig[]; readonly receipt: BatchReceipt } {
    const rows = new CommitRows();
    const output = emptyOutput();
    const { processId, ownerOfNewRun } = this.#options;
    const takeId = (): number => known!.ids.take();
    const context = { now, rows, output, lookups: known?.lookups as PostgresLookups, takeId, processId, ownerOfNewRun };
    const results = planBatch(batch, this.#counts, context, (work) => known!.purged.get(work));
    known?.lookups.plan(rows);
    const queries = [...rows.statements()].map(([name, values]) => queryOf(name, values));
    return { queries, receipt: { results, ...output } };
  }

  async #connect(): Promise<Client> {
    if (this.#client !== null) return this.#client;
    const client = this.#options.makeClient();
    client.on("end", () => {
      if (this.#client === client) this.#client = null;
    });
    try {
      await client.connect();
    } catch (cause) {
      throw new StoreUnavailable((cause as Error).message, { cause });
    }
    this.#client = client;
    return client;
  }

  #disconnect(): void {
    const client = this.#client;
    this.#client = null;
    client?.end().catch(() => undefined);
  }

  /** null where the outcome of every commit is known, or it was none. */
  async #settleUncertain(client: Client): Promise<UncertainCommit | null> {
    const uncertain = this.#uncertain;
    if (uncertain === null) return null;
    const isCommitted = await uncertain.isCommitted(client).catch((error: unknown) => {
      throw this.#explain(error);
    });
    if (!isCommitted) this.#uncertain = null;
    return isCommitted ? uncertain : null;
  }

  /** What concerns the batch is thrown as it is: it is split. All else is a database that takes nothing at the moment. */
  #explain(error: unknown): unknown {
    const code = codeOf(error);
    if (error instanceof MillraceError) return new StoreUnavailable(error.message, { cause: error });
    if (error instanceof Fenced || code === DIVISION_BY_ZERO) {
      this.#options.onFenced();
      return new StoreUnavailable("another process has declared this one dead", { cause: error });
    }
    // Class 42 is about tables that are not what this version knows, by a restore or another version, never about what is stored.
    const isAboutBatch = error instanceof DatabaseError ? /^(22|23|54)/.test(code) : error instanceof RangeError;
    if (isAboutBatch) return error;
    if (!(error instanceof DatabaseError) || error.severity !== "ERROR") this.#disconnect();
    return new StoreUnavailable((error as Error).message, { cause: error });
  }
}

interface Known {
  readonly lookups: PostgresLookups;
  readonly ids: CommitIds;
  readonly purged: ReadonlyMap<Work, unknown>;
}

class Fenced extends Error {
  override readonly name = "Fenced";
}

const MAX_TRIES = 5;
const UNIQUE_VIOLATION = "23505";
const DIVISION_BY_ZERO = "22012";
const IN_FAILED_TRANSACTION = "25P02";

const FENCE_AND_NUMBER = "UPDATE process SET commits = $2::bigint WHERE id = $1::bigint AND state = 'live'";
// Fails where there is no such row, and with it the transaction: nobody needs to wait for the answer.
const FENCE = "SELECT 1 / count(*) AS live FROM (SELECT 1 FROM process WHERE id = $1::bigint AND state = 'live' FOR SHARE) AS p";

function fence(processId: number): QueryConfig {
  return { name: "fence", text: FENCE, values: [processId] };
}

function codeOf(error: unknown): string {
  return error instanceof DatabaseError ? (error.code ?? "") : "";
}

/** Serialization failure, deadlock: the same transaction may succeed now. */
function isRetried(error: unknown): boolean {
  return ["40001", "40P01"].includes(codeOf(error));
}

/** Waits for all of them; throws what went wrong first, not what followed from it. */
async function settleAll(sent: readonly Promise<unknown>[]): Promise<void> {
  const errors = (await Promise.allSettled(sent)).flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  const first = errors.find((error) => codeOf(error) !== IN_FAILED_TRANSACTION) ?? errors[0];
  if (first !== undefined) throw first;
}
