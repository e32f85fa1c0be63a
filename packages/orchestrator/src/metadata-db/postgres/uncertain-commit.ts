import type { Client } from "pg";
import type { BatchReceipt, Work } from "../committer.ts";
import { StoreUnavailable } from "../committer.ts";

/**
 * A commit whose answer was lost with the connection. Its transaction's id tells later what became of it, so that nothing is
 * stored twice: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT (pg_xact_status).
 */
export class UncertainCommit {
  readonly #xid: string;
  readonly #receipt: BatchReceipt;
  /** What each piece of its work got, if it was committed. */
  readonly results: ReadonlyMap<Work, unknown>;

  constructor(xid: string, batch: readonly Work[], receipt: BatchReceipt) {
    this.#xid = xid;
    this.#receipt = receipt;
    this.results = new Map(batch.map((work, index) => [work, receipt.results[index]]));
  }

  /** @throws {StoreUnavailable} while it is still under way */
  async isCommitted(client: Client): Promise<boolean> {
    const { rows } = await client.query<{ status: string | null }>("SELECT pg_xact_status($1::xid8) AS status", [this.#xid]);
    const status = rows[0]?.status;
    if (status === "in progress") throw new StoreUnavailable("an earlier commit is still under way");
    return status === "committed";
  }

  /** What it made, with what the rest of a batch made after it. */
  join(batch: readonly Work[], rest: BatchReceipt): BatchReceipt {
    const left = [...rest.results];
    return {
      results: batch.map((work) => (this.results.has(work) ? this.results.get(work) : left.shift())),
      runs: [...this.#receipt.runs, ...rest.runs],
      handedOver: [...this.#receipt.handedOver, ...rest.handedOver],
      inbox: [...this.#receipt.inbox, ...rest.inbox],
      outbox: [...this.#receipt.outbox, ...rest.outbox],
    };
  }
}
