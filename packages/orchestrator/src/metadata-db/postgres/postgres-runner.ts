import { type ClientBase, DatabaseError, type Pool } from "pg";
import type { Script, SqlRow, SqlRunner, SqlValue } from "../sql-script.ts";
import { driveScript } from "./drive-script.ts";
import { explainPostgresError } from "./postgres-error.ts";

/** Serialization failure and deadlock: the same transaction may succeed once the other has ended. */
const RETRIED = new Set(["40001", "40P01"]);
const MAX_TRIES = 5;

/** Runs scripts on the pool; no named statements and no settings of a session, so pgbouncer may stand between. */
export class PostgresRunner implements SqlRunner {
  readonly #pool: Pool;
  readonly #address: string;

  /** `address` is for messages and shows no password. */
  constructor(pool: Pool, address: string) {
    this.#pool = pool;
    this.#address = address;
  }

  /** Tried again, from the start of the script, where another transaction was in its way. @throws {MillraceError} DB_UNREACHABLE */
  async transaction<T>(script: () => Script<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#withSession(async (session) => this.#tryTransaction(session, script()));
      } catch (error) {
        if (tries === MAX_TRIES || !RETRIED.has(String((error as { code?: unknown }).code))) throw error;
      }
    }
  }

  /** @throws {MillraceError} DB_UNREACHABLE */
  async run<T>(script: () => Script<T>): Promise<T> {
    return this.#withSession(async (session) => this.#drive(session, script()));
  }

  indexedBy(): string {
    return "";
  }

  async #tryTransaction<T>(session: Session, script: Script<T>): Promise<T> {
    await session.query("BEGIN");
    try {
      const value = await this.#drive(session, script);
      await session.query("COMMIT");
      return value;
    } catch (error) {
      // Where this fails as well the connection is given up, and the transaction with it.
      await session.query("ROLLBACK").catch(() => undefined);
      throw error;
    }
  }

  async #drive<T>(session: Session, script: Script<T>): Promise<T> {
    return driveScript(script, async (text, parameters) => session.query(text, parameters));
  }

  async #withSession<T>(act: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw explainPostgresError(error, this.#address);
    });
    const session = new Session(client, this.#address);
    try {
      return await act(session);
    } finally {
      client.release(session.isBroken);
    }
  }
}

/** A client that remembers whether it can be used again. */
class Session {
  readonly #client: ClientBase;
  readonly #address: string;
  isBroken = false;

  constructor(client: ClientBase, address: string) {
    this.#client = client;
    this.#address = address;
  }

  /** @throws {DatabaseError} what the statement got wrong; {MillraceError} DB_UNREACHABLE where the connection broke */
  async query(text: string, parameters: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
    try {
      return (await this.#client.query<SqlRow>(text, [...parameters])).rows;
    } catch (error) {
      if (error instanceof DatabaseError && error.severity === "ERROR") throw error;
      this.isBroken = true;
      throw explainPostgresError(error, this.#address);
    }
  }
}
