import { Client, type ClientBase, type ClientConfig, Pool } from "pg";
import { MillraceError } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import { assertSuitable } from "./assert-suitable.ts";
import { migratePostgres, readSchemaState } from "./migrate-postgres.ts";
import { explainPostgresError } from "./postgres-error.ts";
import { clientConfig, describeAddress, pooledConfig, type PostgresAddress } from "./postgres-settings.ts";

export interface PostgresOptions extends PostgresAddress {
  /** For reads and small writes, through pgbouncer in transaction mode; null: as the others. */
  readonly poolUrl: string | null;
  readonly log: Log;
  /** Connections of the pool at most. */
  readonly poolSize?: number;
  /** After which an answer is not waited for any more: the network may have forgotten the connection. */
  readonly answerWithinMs?: number;
}

const POOL_SIZE = 8;
const IDLE_MS = 30_000;
const ANSWER_WITHIN_MS = 60_000;

/** A migrated metadata DB on PostgreSQL. */
export class PostgresDatabase {
  /** Shows no password. */
  readonly address: string;
  /** For reads and small writes. */
  readonly pool: Pool;
  readonly #options: PostgresOptions;
  #closed: Promise<void> | null = null;

  constructor(options: PostgresOptions) {
    this.#options = options;
    const { url, poolUrl, role, poolSize = POOL_SIZE, answerWithinMs = ANSWER_WITHIN_MS } = options;
    this.address = describeAddress(url);
    const config = poolUrl === null ? clientConfig(options, "pool") : pooledConfig({ url: poolUrl, role }, "pool");
    this.pool = this.#makePool({ ...config, query_timeout: answerWithinMs }, poolSize);
  }

  /** Of one's own, at most so many connections, past pgbouncer: what others do at length is not in its way. Closed by its maker. */
  makePool(purpose: string, size: number, answerWithinMs: number): Pool {
    return this.#makePool({ ...clientConfig(this.#options, purpose), query_timeout: answerWithinMs }, size);
  }

  #makePool(config: ClientConfig, size: number): Pool {
    const pool = new Pool({ ...config, max: size, idleTimeoutMillis: IDLE_MS });
    // A connection that breaks while a query is on its way fails the query as well; unheard, it would end the process.
    pool.on("connect", (client) => client.on("error", ignore));
    pool.on("error", (error) => this.#options.log.debug("an idle connection to PostgreSQL broke", { error: error.message }));
    return pool;
  }

  /**
   * A client of one's own, not connected yet, with the settings of a session that commits. Its `error` is listened to;
   * it does not reconnect.
   */
  makeClient(purpose: string, more: ClientConfig = {}): Client {
    const client = new Client({ ...clientConfig(this.#options, purpose), ...more });
    client.on("error", (error) => this.#options.log.debug(`the ${purpose} connection to PostgreSQL broke`, { error: error.message }));
    return client;
  }

  /** Waits for the queries under way. A second close is harmless. */
  async close(): Promise<void> {
    this.#closed ??= this.pool.end();
    await this.#closed;
  }
}

/**
 * Connects, looks whether this server and database will do, and migrates.
 * @throws {MillraceError} DB_UNREACHABLE, DB_REFUSED, DB_UNSUITABLE, DB_NEWER
 */
export async function openPostgres(options: PostgresOptions): Promise<PostgresDatabase> {
  await withPostgresClient(options, "start", async (client, address) => {
    await assertSuitable(client, address);
    await migratePostgres(client, address);
  });
  const database = new PostgresDatabase(options);
  if (options.poolUrl === null) return database;
  try {
    await assertSameDatabase(database, options.poolUrl);
    return database;
  } catch (error) {
    await database.close();
    throw explainPostgresError(error, describeAddress(options.poolUrl));
  }
}

/**
 * One client for `act` alone; nothing is checked and nothing is migrated.
 * @throws {MillraceError} DB_UNREACHABLE, DB_REFUSED, DB_UNSUITABLE
 */
export async function withPostgresClient<Value>(
  to: PostgresAddress,
  purpose: string,
  act: (client: Client, address: string) => Promise<Value>,
): Promise<Value> {
  const address = describeAddress(to.url);
  const client = new Client(clientConfig(to, purpose));
  client.on("error", ignore);
  try {
    await client.connect();
    return await act(client, address);
  } catch (error) {
    throw explainPostgresError(error, address);
  } finally {
    await client.end().catch(ignore);
  }
}

/** @throws {MillraceError} DB_UNSUITABLE */
async function assertSameDatabase(database: PostgresDatabase, poolUrl: string): Promise<void> {
  const client = await database.pool.connect();
  try {
    await assertSuitable(client, describeAddress(poolUrl));
    const pooled = await readInstance(client);
    const direct = database.makeClient("start");
    await direct.connect();
    const own = await readInstance(direct);
    await direct.end();
    if (pooled === own) return;
  } finally {
    client.release();
  }
  throw new MillraceError(
    "DB_UNSUITABLE",
    `expected the database of ${database.address} at ${describeAddress(poolUrl)} (MILLRACE_DB_POOL_URL), got another`,
    { hint: "both addresses must lead to the same database of the same server" },
  );
}

/** null where there are no tables of ours. */
async function readInstance(client: ClientBase): Promise<string | null> {
  if ((await readSchemaState(client)).schema === 0) return null;
  const { rows } = await client.query<{ value: string }>("SELECT value FROM meta WHERE key = 'instance'");
  return rows[0]?.value ?? null;
}

function ignore(): void {}
