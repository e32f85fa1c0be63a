import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { MillraceError } from "../../../domain/errors.ts";
import type { ReaderThread } from "./reader-thread.ts";

/** Kysely over the reader thread. Reads only: every statement stands alone, so there are no transactions. */
export function readerDialect(thread: ReaderThread): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new ReaderDriver(thread),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

class ReaderDriver implements Driver {
  readonly #connection: DatabaseConnection;
  readonly #thread: ReaderThread;

  constructor(thread: ReaderThread) {
    this.#thread = thread;
    this.#connection = new ReaderConnection(thread);
  }

  async init(): Promise<void> {}
  /** One for all: the thread itself puts queries in order. */
  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection;
  }
  async releaseConnection(): Promise<void> {}
  async beginTransaction(): Promise<void> {
    throw readOnly();
  }
  async commitTransaction(): Promise<void> {
    throw readOnly();
  }
  async rollbackTransaction(): Promise<void> {
    throw readOnly();
  }
  async destroy(): Promise<void> {
    await this.#thread.close();
  }
}

class ReaderConnection implements DatabaseConnection {
  readonly #thread: ReaderThread;

  constructor(thread: ReaderThread) {
    this.#thread = thread;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const rows = await this.#thread.query(query.sql, query.parameters);
    return { rows: rows as Row[] };
  }

  streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw readOnly();
  }
}

function readOnly(): MillraceError {
  return new MillraceError("DB_UNREADABLE", "expected a single SELECT, got a transaction or a stream: the reader has neither");
}
