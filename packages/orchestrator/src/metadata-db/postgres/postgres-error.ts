import { MillraceError } from "../../domain/errors.ts";

/** What PostgreSQL's own errors carry beside their message. */
interface ServerError extends Error {
  readonly code?: string;
}

/** Why it could not be connected to, or refused what a start needs. `address` shows no password. */
export function explainPostgresError(error: unknown, address: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const cause = firstOf(error);
  const { code = "" } = cause;
  const text = `${address}: ${describe(cause)}`;
  const { kind, expected, hint } = BY_CODE[code] ?? byMessage(cause.message) ?? byClass(code);
  return new MillraceError(kind, `expected ${expected} at ${text}`, { cause: error, hint });
}

interface Explanation {
  readonly kind: "DB_REFUSED" | "DB_UNREACHABLE" | "DB_UNSUITABLE";
  readonly expected: string;
  readonly hint: string;
}

const LOGIN: Explanation = {
  kind: "DB_REFUSED",
  expected: "to log in",
  hint: "check the user and the password of MILLRACE_DB_URL, and what pg_hba.conf asks of this host",
};
const TLS: Explanation = {
  kind: "DB_REFUSED",
  expected: "a TLS connection",
  hint: "see sslmode and sslrootcert: postgres://…?sslmode=verify-full&sslrootcert=FILE, or sslmode=disable on a network of your own",
};
const RIGHTS: Explanation = {
  kind: "DB_REFUSED",
  expected: "the rights that Millrace needs",
  hint: "make the user the database's owner: ALTER DATABASE name OWNER TO user; from PostgreSQL 15 on others may create no tables in public",
};
const READ_ONLY: Explanation = {
  kind: "DB_UNSUITABLE",
  expected: "a database that can be written",
  hint: "name the primary server, not a standby, and look at default_transaction_read_only",
};
const OTHER_TABLES: Explanation = {
  kind: "DB_UNSUITABLE",
  expected: "a database of Millrace's own",
  hint: "make one: CREATE DATABASE millrace; nothing was changed in this one",
};

const BY_CODE: Readonly<Record<string, Explanation>> = {
  "28P01": LOGIN,
  "28000": LOGIN,
  "3D000": {
    kind: "DB_REFUSED",
    expected: "a database of that name",
    hint: "make it: CREATE DATABASE name OWNER user, encoding UTF8",
  },
  "42501": RIGHTS,
  "25006": READ_ONLY,
  "42P07": OTHER_TABLES,
  "42703": OTHER_TABLES,
  "53300": {
    kind: "DB_UNREACHABLE",
    expected: "a free connection",
    hint: "raise max_connections, or let pgbouncer share some: MILLRACE_DB_POOL_URL",
  },
};

/** 08, 53 and 57: it is not there, is starting, is full. Other SQLSTATEs are of what it was asked. */
function byClass(code: string): Explanation {
  const isAnswer = /^[0-9A-Z]{5}$/.test(code) && !/^(08|53|57)/.test(code);
  if (isAnswer) return { kind: "DB_UNSUITABLE", expected: "to use the database", hint: "see the database server's log" };
  const hint = "check that the database server runs, and the host and port of MILLRACE_DB_URL";
  return { kind: "DB_UNREACHABLE", expected: "PostgreSQL", hint };
}

/** What the client finds by itself has no code. */
function byMessage(message: string): Explanation | null {
  if (/^SASL|password/i.test(message)) return LOGIN;
  if (/SSL|certificate/i.test(message)) return TLS;
  return null;
}

/** A name with several addresses fails with all of their errors. */
function firstOf(error: unknown): ServerError {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0];
  return error as ServerError;
}

function describe({ message, code }: ServerError): string {
  return message === "" ? (code ?? "no answer") : message;
}
