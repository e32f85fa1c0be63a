import type { Client } from "pg";
import type { BatchReceipt, Work } from "../committer.ts";

/**
 * A commit whose answer was lost with the connection. Its number in the process's row tells later what became of it, so that
 * nothing is stored twice. The transaction's id would not: one that a crash took is given to another transaction.
 */
export class UncertainCommit {
  readonly #processId: number;
  readonly #number: number;
  readonly #receipt: BatchReceipt;
  /** What each piece of its work got, if it was committed. */
  readonly results: ReadonlyMap<Work, unknown>;

  constructor(commit: { readonly processId: number; readonly number: number }, batch: readonly Work[], receipt: BatchReceipt) {
    this.#processId = commit.processId;
    this.#number = commit.number;
    this.#receipt = receipt;
    this.results = new Map(batch.map((work, index) => [work, receipt.results[index]]));
  }

  /** Waits while it is still under way, which its locks show. */
  async isCommitted(client: Client): Promise<boolean> {
    const { rows } = await client.query<{ commits: number }>("SELECT commits FROM process WHERE id = $1::bigint FOR SHARE", [
      this.#processId,
    ]);
    return rows[0]?.commits === this.#number;
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
