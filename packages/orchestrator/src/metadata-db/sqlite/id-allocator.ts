import type { Database, Statement } from "better-sqlite3";
import { ORDINALS_PER_COMMIT, firstIdOf } from "../../domain/ids.ts";

/** Ids of one commit: its number × 4096 and up. The counter is kept in the database, so a purge never makes an id come twice. */
export class IdAllocator {
  readonly #update: Statement;
  #commitNumber: number;
  #next = 0;
  #first = 0;

  constructor(db: Database) {
    this.#update = db.prepare("UPDATE commit_counter SET number = ?");
    this.#commitNumber = (db.prepare("SELECT number FROM commit_counter").get() as { number: number }).number;
  }

  begin(): void {
    this.#first = firstIdOf(this.#commitNumber);
    this.#next = this.#first;
  }

  take(): number {
    return this.#next++;
  }

  /** To be called within the transaction whose ids these are; returns the next commit's number for `commit`. */
  store(): number {
    const used = Math.max(1, Math.ceil((this.#next - this.#first) / ORDINALS_PER_COMMIT));
    const number = this.#commitNumber + used;
    this.#update.run(number);
    return number;
  }

  /** After the transaction; without it, the next one takes the same ids again. */
  commit(number: number): void {
    this.#commitNumber = number;
  }
}
