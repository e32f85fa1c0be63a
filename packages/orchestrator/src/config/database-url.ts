import { resolve } from "node:path";
import { MillraceError } from "../domain/errors.ts";

/** Where the metadata DB is. */
export type DatabaseAddress =
  | {
      readonly kind: "sqlite";
      /** Absolute. */
      readonly file: string;
    }
  | {
      readonly kind: "postgres";
      /** It may hold a password: never shown. */
      readonly url: string;
      /** For reads and small writes, through pgbouncer; null: `url`. */
      readonly poolUrl: string | null;
    };

/**
 * `sqlite:FILE`, a relative one in the working directory, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
 * @throws {MillraceError} DB_URL_UNKNOWN; the address is not shown, for it may hold a password
 */
export function parseDatabaseUrl(url: string, poolUrl: string | null = null): DatabaseAddress {
  const scheme = schemeOf(url);
  if (isPostgres(scheme)) return { kind: "postgres", url: checkPostgresUrl(url), poolUrl: poolUrl === null ? null : parsePoolUrl(poolUrl) };
  const got = scheme === undefined ? "an address without a scheme" : `one that begins with '${scheme}:'`;
  if (scheme !== "sqlite")
    throw new MillraceError("DB_URL_UNKNOWN", `expected a database address like sqlite:FILE or postgres://HOST/DATABASE, got ${got}`);
  const file = url.slice("sqlite:".length);
  if (file === "" || file.includes(":memory:")) {
    throw new MillraceError("DB_URL_UNKNOWN", `expected a file after 'sqlite:', got '${file}': a server keeps its events on disk`);
  }
  return { kind: "sqlite", file: resolve(file) };
}

/**
 * For what works on a file alone; `who` says so in the message.
 * @throws {MillraceError} DB_URL_UNKNOWN
 */
export function sqliteFileOf(database: DatabaseAddress, who: string): string {
  if (database.kind === "sqlite") return database.file;
  throw new MillraceError("DB_URL_UNKNOWN", `expected sqlite:FILE, got a PostgreSQL address: ${who} works on a file`, {
    hint: "use sqlite:FILE; leave --db and MILLRACE_DB_URL out for the one of $MILLRACE_HOME",
  });
}

function schemeOf(url: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
}

function isPostgres(scheme: string | undefined): boolean {
  return scheme === "postgres" || scheme === "postgresql";
}

function parsePoolUrl(url: string): string {
  if (isPostgres(schemeOf(url))) return checkPostgresUrl(url);
  throw new MillraceError("DB_URL_UNKNOWN", "MILLRACE_DB_POOL_URL: expected an address like postgres://HOST:PORT/DATABASE, got another");
}

/** @throws {MillraceError} DB_URL_UNKNOWN */
function checkPostgresUrl(url: string): string {
  // A socket's address has no host: postgres://USER@/DATABASE?host=/run/postgresql
  const parsed = URL.parse(url.replace("@/", "@localhost/"));
  if (parsed !== null && parsed.pathname.length > 1) return url;
  const got = parsed === null ? "one that is no URL" : "one without a database";
  throw new MillraceError("DB_URL_UNKNOWN", `expected an address like postgres://USER:PASSWORD@HOST:PORT/DATABASE, got ${got}`, {
    hint: "write characters like @ : / # of a password as %40 %3A %2F %23, and name the database after the last /",
  });
}
