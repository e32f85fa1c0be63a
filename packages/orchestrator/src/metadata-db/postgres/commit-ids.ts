import type { Client } from "pg";
import { firstIdOf, ORDINALS_PER_COMMIT } from "../../domain/ids.ts";

/** Ids out of the commit numbers that one transaction drew. */
export class CommitIds {
  readonly #numbers: readonly number[];
  #taken = 0;

  private constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  /** Within the transaction, once the positions are locked: so ids order what one source delivered. */
  static async draw(client: Client, count: number): Promise<CommitIds> {
    if (count === 0) return new CommitIds([]);
    const values = [Math.ceil(count / ORDINALS_PER_COMMIT)];
    const { rows } = await client.query<{ number: number }>({ name: "draw_ids", text: DRAW, values });
    return new CommitIds(rows.map(({ number }) => number));
  }

  take(): number {
    const number = this.#numbers[Math.floor(this.#taken / ORDINALS_PER_COMMIT)];
    if (number === undefined) throw new Error(`a commit drew ${this.#numbers.length} numbers and needs more`);
    const id = firstIdOf(number) + (this.#taken % ORDINALS_PER_COMMIT);
    this.#taken += 1;
    return id;
  }
}

const DRAW = "SELECT nextval('commit_number') AS number FROM generate_series(1, $1::integer)";
