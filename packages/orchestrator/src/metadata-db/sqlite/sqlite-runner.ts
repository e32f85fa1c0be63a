import type { Database, Statement as Prepared } from "better-sqlite3";
import type { Script, SqlRow, SqlRunner, Statement } from "../sql-script.ts";

/** Runs a script to its end before anything else of this process can happen. */
export class SqliteRunner implements SqlRunner {
  readonly #db: Database;
  readonly #prepared = new Map<string, Prepared>();

  constructor(db: Database) {
    this.#db = db;
  }

  async transaction<T>(script: () => Script<T>): Promise<T> {
    return this.#db.transaction(() => this.runNow(script())).immediate();
  }

  async run<T>(script: () => Script<T>): Promise<T> {
    return this.runNow(script());
  }

  indexedBy(index: string): string {
    return `INDEXED BY ${index}`;
  }

  /** Within the transaction that is open. */
  runNow<T>(script: Script<T>): T {
    let step = script.next();
    while (step.done !== true) step = script.next(this.#execute(step.value));
    return step.value;
  }

  #execute({ sql, parameters }: Statement): readonly SqlRow[] {
    let prepared = this.#prepared.get(sql);
    if (prepared === undefined) {
      prepared = this.#db.prepare(sql);
      this.#prepared.set(sql, prepared);
    }
    if (prepared.reader) return prepared.all(...parameters) as readonly SqlRow[];
    prepared.run(...parameters);
    return [];
  }
}
