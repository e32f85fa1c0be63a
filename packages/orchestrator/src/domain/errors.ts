/**
 * Every error Millrace itself raises has a code, an HTTP status and a hint. The message says what was
 * expected and what was got; the hint says what to do. docs/reference/errors.md is compared with this table.
 */
export const ERRORS = {
  DAG_NOT_FOUND: { status: 404, hint: "`millrace dags list` shows the DAGs that are loaded, `millrace dags errors` those that are not" },
  DAG_RUN_NOT_FOUND: { status: 404, hint: "`millrace runs list DAG` shows the runs of a DAG" },
  DAG_RUN_EXISTS: { status: 409, hint: "leave dag_run_id out, or give another one" },
  TASK_NOT_FOUND: { status: 404, hint: "`millrace runs show DAG RUN` shows the tasks of a run" },
  ASSET_NOT_FOUND: { status: 404, hint: "`millrace assets list` shows the assets that are loaded" },
  ASSET_EVENT_NOT_FOUND: { status: 404, hint: "`millrace events list` shows the newest events" },
  BAD_REQUEST: { status: 400, hint: "see the field that the message names" },
  BAD_PARAMS: { status: 400, hint: "give what the DAG's params schema asks for" },
  BAD_PAYLOAD: { status: 400, hint: "give a payload that passes the asset's schema" },
  EVENT_NEEDED: { status: 400, hint: "give a payload: `--payload` of `dags trigger`, `--event` of `dags test`, `payload` over REST" },
  UNAUTHENTICATED: { status: 401, hint: "get a token from POST /auth/token and send it as `Authorization: Bearer TOKEN`" },
  TOO_MANY_ATTEMPTS: { status: 429, hint: "wait a minute and try again" },
  FORBIDDEN: { status: 403, hint: "ask for a role that may do this: operator starts runs, admin manages accounts" },
  NOT_FOUND: { status: 404, hint: "the API lies under /api/v2; see docs/reference/rest.md" },
  SERVER_NOT_RUNNING: { status: 503, hint: "start one with `millrace standalone`, or set MILLRACE_HOME to its folder" },
  NO_SCHEDULER: { status: 503, hint: "start `millrace scheduler` on this metadata DB" },
  SERVER_STOPPING: { status: 503, hint: "try again once the server is back" },
  PORT_IN_USE: { status: 500, hint: "stop what listens there, or choose another with --port" },
  DAGS_FOLDER_MISSING: { status: 500, hint: "create it, or name another with --dags-folder" },
  DB_URL_UNKNOWN: { status: 500, hint: "use sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE" },
  DB_NEWER: { status: 500, hint: "run the Millrace that wrote it, or a newer one; nothing was changed" },
  DB_LOCKED: { status: 500, hint: "stop the other server, or give this one a MILLRACE_HOME of its own" },
  DB_UNREADABLE: { status: 500, hint: "check the path and its permissions" },
  DB_UNREACHABLE: { status: 503, hint: "check that the database server runs, and the host and port of MILLRACE_DB_URL" },
  DB_REFUSED: { status: 500, hint: "check the user, the password and the database's name in MILLRACE_DB_URL" },
  DB_UNSUITABLE: { status: 500, hint: "see docs/guides/postgresql.md for what the database server needs" },
  USAGE: { status: 400, hint: "see the command's --help" },
  CONFIG_INVALID: { status: 500, hint: "see `millrace standalone --help`" },
  CONNECTION_NOT_FOUND: { status: 404, hint: "set MILLRACE_CONN_<ID> to its JSON or URI, or store it: `millrace connections add ID`" },
  CONNECTION_EXISTS: { status: 409, hint: "choose another id, or replace it: `millrace connections add ID … --replace`, PATCH over REST" },
  CONNECTION_READ_ONLY: { status: 409, hint: "change the variable where the server is started" },
  CONNECTION_INVALID: { status: 500, hint: "give a JSON object with conn_type, host, login, password, port, schema, extra, or a URI" },
  VARIABLE_NOT_FOUND: { status: 404, hint: "set MILLRACE_VAR_<KEY>, or store it: `millrace variables set KEY VALUE`" },
  VARIABLE_EXISTS: { status: 409, hint: "choose another key, or change it: `millrace variables set`, PATCH over REST" },
  VARIABLE_READ_ONLY: { status: 409, hint: "change the environment variable where the server is started" },
  SECRET_KEY_INVALID: { status: 500, hint: "put the key back as it was: without it what is stored cannot be read" },
  SECRET_UNREADABLE: { status: 500, hint: "start the server with the key it was stored with, or delete what is stored and add it again" },
  PUBLISH_FAILED: { status: 502, hint: "`millrace connections test ID` says whether the connection works" },
  PROVIDER_NOT_FOUND: { status: 500, hint: "install the provider package in the project of the DAG file" },
  TRIGGER_KIND_UNKNOWN: { status: 500, hint: "install the provider package that brings it" },
  WORKER_HELLO: { status: 400, hint: "only `millrace worker` speaks to this port; with TLS on one side it needs TLS on the other" },
  WORKER_TOKEN_WRONG: { status: 401, hint: "give the worker the scheduler's token: MILLRACE_WORKER_TOKEN, or its file worker.token" },
  WORKER_PROTOCOL_MISMATCH: { status: 409, hint: "upgrade the older side; versions next to each other work together" },
  WORKER_REFUSED: { status: 502, hint: "see the log for what each scheduler answered" },
  LOCKFILE_MISMATCH: { status: 409, hint: "install in the worker's project what the server's lockfile says: `npm ci`" },
  BUNDLE_UNAVAILABLE: { status: 502, hint: "see whether the server still has the file in its bundles folder" },
  INTERNAL: { status: 500, hint: "see the server's log for the cause" },
  CEL_INVALID: { status: 400, hint: "see docs/guides/filters.md for what an expression may use" },
} as const satisfies Record<string, { status: number; hint: string }>;

export type ErrorCode = keyof typeof ERRORS;

export class MillraceError extends Error {
  override readonly name = "MillraceError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly hint: string;
  /** `hint` replaces the table's where the place knows better. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; hint?: string }) {
    super(message, options);
    this.code = code;
    this.status = ERRORS[code].status;
    this.hint = options?.hint ?? ERRORS[code].hint;
  }
}
