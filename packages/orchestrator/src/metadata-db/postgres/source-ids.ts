import type { Client } from "pg";
import { arrayLiteral } from "./array-literal.ts";

/** The ids of sources by their names. What a transaction found is kept once it has committed. */
export class SourceIds {
  readonly #known = new Map<string, number>();
  readonly #found = new Map<string, number>();

  /** Also makes those that there are not yet. */
  async find(client: Client, names: ReadonlySet<string>): Promise<void> {
    const missing = [...names].filter((name) => !this.#known.has(name)).sort();
    if (missing.length === 0) return;
    const values = [arrayLiteral("text", missing)];
    await client.query({ name: "make_sources", text: MAKE, values });
    const { rows } = await client.query<{ id: number; name: string }>({ name: "find_sources", text: FIND, values });
    for (const { id, name } of rows) this.#found.set(name, id);
  }

  idOf(name: string): number {
    return this.#known.get(name) ?? this.#found.get(name)!;
  }

  endTransaction(isCommitted: boolean): void {
    if (isCommitted) for (const [name, id] of this.#found) this.#known.set(name, id);
    this.#found.clear();
  }
}

const MAKE = "INSERT INTO source (name) SELECT name FROM unnest($1::text[]) AS name ORDER BY name ON CONFLICT DO NOTHING";
const FIND = "SELECT id, name FROM source WHERE name = ANY ($1::text[])";
