import type { ClientBase } from "pg";
import { MillraceError } from "../../domain/errors.ts";

/** PostgreSQL 13: what the migrations' storage settings need. */
const OLDEST_SERVER = 130_000;

interface ServerState {
  readonly version: number;
  readonly version_text: string;
  readonly fsync: string;
  readonly synchronous_commit: string;
  readonly encoding: string;
  readonly is_standby: boolean;
  readonly read_only: string;
  readonly schema: string | null;
}

const STATE = `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS version_text,
  current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
  current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS is_standby,
  current_setting('transaction_read_only') AS read_only, current_schema() AS schema`;

/**
 * That this server keeps what it acknowledged, and takes any text and every commit.
 * @throws {MillraceError} DB_UNSUITABLE
 */
export async function assertSuitable(client: ClientBase, address: string): Promise<void> {
  const { rows } = await client.query<ServerState>(STATE);
  const found = problemOf(rows[0]!);
  if (found === null) return;
  const [expected, got, hint] = found;
  throw new MillraceError("DB_UNSUITABLE", `expected ${expected} at ${address}, got ${got}`, { hint });
}

type Problem = readonly [expected: string, got: string, hint: string];

function problemOf(state: ServerState): Problem | null {
  if (state.version < OLDEST_SERVER) return ["PostgreSQL 13 or newer", `'${state.version_text}'`, "upgrade the server"];
  if (state.fsync !== "on")
    return ["fsync=on", `'${state.fsync}'`, "set it in postgresql.conf: without it a power cut loses messages that were acknowledged"];
  if (state.synchronous_commit === "off")
    return ["synchronous_commit=on", "'off'", "take it out of the address's options, or of the settings of the role or the database"];
  if (state.encoding !== "UTF8")
    return ["a database with encoding UTF8", `'${state.encoding}'`, "make one: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"];
  if (state.is_standby) return ["a server that can be written", "a standby", "name the primary server in MILLRACE_DB_URL"];
  if (state.read_only !== "off")
    return ["a database that can be written", "a read-only one", "set default_transaction_read_only=off for this role and database"];
  if (state.schema === null)
    return ["a schema to make tables in", "none in search_path", "CREATE SCHEMA public, or set the role's search_path"];
  return null;
}
