import { Client, type ClientConfig, types } from "pg";

/** How every connection to the metadata DB is made. */
export interface PostgresAddress {
  /** As the user gave it: it may hold a password, so it is never shown. */
  readonly url: string;
  /** Which Millrace process it is, for `pg_stat_activity`: `standalone 1234`. */
  readonly role: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;
/** PostgreSQL cuts longer ones. */
const MAX_APPLICATION_NAME_BYTES = 63;
const INT8: number = types.builtins.INT8;

/**
 * A commit is on disk when it is answered (P5); no query here is worth compiling. What a session of pgbouncer in transaction
 * mode cannot have is left out there.
 */
const SESSION_OPTIONS = "-c synchronous_commit=on -c jit=off";

/** The same settings for a pool and for a client of one's own. `purpose` ends the application's name: `standalone 1234 reads`. */
export function clientConfig({ url, role }: PostgresAddress, purpose: string): ClientConfig {
  return { ...pooledConfig({ url, role }, purpose), options: SESSION_OPTIONS };
}

/** Without settings of the session: for an address behind pgbouncer. */
export function pooledConfig({ url, role }: PostgresAddress, purpose: string): ClientConfig {
  return {
    connectionString: url,
    application_name: `millrace ${role} ${purpose}`.slice(0, MAX_APPLICATION_NAME_BYTES),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    types: { getTypeParser: parserOf as typeof types.getTypeParser },
  };
}

/** host:port/database, without user and password. */
export function describeAddress(url: string): string {
  const { host, port, database } = new Client({ connectionString: url });
  return `${host}:${port}/${database ?? ""}`;
}

function parserOf(oid: number, format?: "text" | "binary"): unknown {
  return oid === INT8 && format !== "binary" ? parseInt8 : types.getTypeParser(oid, format);
}

/** Ids and times stay below 2^53 (domain/ids.ts). */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`expected an integer below 2^53 from the database, got ${text}`);
  return value;
}
