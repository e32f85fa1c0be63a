import { availableParallelism } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { MillraceError } from "../domain/errors.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../domain/log.ts";
import { type DatabaseAddress, parseDatabaseUrl } from "./database-url.ts";
import { type Option, parseDurationMs, parseInteger, parseNames, parseOneOf, parseOption, parseRetentionMs } from "./option.ts";
import { parseSecretKey } from "./secret-key.ts";
import { parseWorkerToken } from "./worker-token.ts";

/** What a process needs to know before it starts; read once, never changed. */
export interface Config {
  /** Absolute folder of the server's own files. */
  readonly home: string;
  /** Absolute, at least one. */
  readonly dagsFolders: readonly string[];
  /** Where the metadata DB is. */
  readonly database: DatabaseAddress;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** null: the stored one stays, or one is made up at the first start. */
  readonly adminPassword: string | null;
  /** Of stored connections and variables; null: the one in `home`, made at first need. */
  readonly secretKey: Uint8Array | null;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** How long a stop waits for what is under way. */
  readonly drainMs: number;
  /** Worker processes on this machine; both 0: tasks run on other machines alone. */
  readonly minWorkers: number;
  readonly maxWorkers: number;
  /** Where workers of other machines connect: 0 takes a free port, null opens none. */
  readonly workerPort: number | null;
  /** null: the address that is safe, see read-worker-port.ts. */
  readonly workerHost: string | null;
  /** null: the one in `home`, made at first need. */
  readonly workerToken: string | null;
  /** PEM files; null: connections of workers are not encrypted. */
  readonly workerTls: { readonly certFile: string; readonly keyFile: string } | null;
  /** Unstarted runs of one trigger at which its stream pauses. */
  readonly backlogLimit: number;
  /** Events that wait for one DAG at which the streams that bring them pause. */
  readonly inboxLimit: number;
  /** How long ended runs, events and dead letters are kept; infinite where they are for ever. */
  readonly retentionMs: number;
  /** How many of each are kept at most. */
  readonly retentionRows: number;
  /** Names of the environment variables DAG code may see, beside the fixed ones. */
  readonly dagEnv: readonly string[];
}

/** Flags as the command line gave them, unparsed; undefined or absent where not given. */
export interface ConfigFlags {
  readonly home?: string | undefined;
  readonly dagsFolder?: readonly string[] | undefined;
  readonly db?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
  readonly drain?: string | undefined;
  readonly minWorkers?: string | undefined;
  readonly maxWorkers?: string | undefined;
  readonly localWorkers?: string | undefined;
  readonly workerPort?: string | undefined;
  readonly workerHost?: string | undefined;
  readonly workerTlsCert?: string | undefined;
  readonly workerTlsKey?: string | undefined;
  readonly backlogLimit?: string | undefined;
  readonly inboxLimit?: string | undefined;
  readonly retention?: string | undefined;
  readonly retentionRows?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const anyText = (text: string): string | undefined => (text.trim() === "" ? undefined : text);
const folderList = (text: string): readonly string[] | undefined => {
  const folders = text.split(delimiter).filter((folder) => folder.trim() !== "");
  return folders.length === 0 ? undefined : folders;
};

/** Every setting; docs/reference/configuration.md is compared with this table. */
export const OPTIONS = {
  home: { flag: "--home", variable: "MILLRACE_HOME", allowed: "a folder", parse: anyText },
  dagsFolder: {
    flag: "--dags-folder",
    variable: "MILLRACE_DAGS_FOLDER",
    allowed: `folders, separated by '${delimiter}'`,
    parse: folderList,
  },
  db: { flag: "--db", variable: "MILLRACE_DB_URL", allowed: "an address like sqlite:FILE or postgres://HOST/DATABASE", parse: anyText },
  dbPool: {
    flag: null,
    variable: "MILLRACE_DB_POOL_URL",
    allowed: "an address like postgres://HOST:PORT/DATABASE",
    isSecret: true,
    parse: anyText,
  },
  host: { flag: "--host", variable: "MILLRACE_HOST", allowed: "a host name or address", parse: anyText },
  port: { flag: "--port", variable: "MILLRACE_PORT", allowed: "an integer from 0 to 65535", parse: parseInteger(0, 65_535) },
  adminPassword: { flag: null, variable: "MILLRACE_ADMIN_PASSWORD", allowed: "a password of at least one character", parse: anyText },
  secretKey: {
    flag: null,
    variable: "MILLRACE_SECRET_KEY",
    allowed: "32 bytes in base64, as `openssl rand -base64 32` prints them",
    isSecret: true,
    parse: parseSecretKey,
  },
  logLevel: {
    flag: "--log-level",
    variable: "MILLRACE_LOG_LEVEL",
    allowed: `one of ${LOG_LEVELS.join(", ")}`,
    parse: parseOneOf(LOG_LEVELS),
  },
  logFormat: {
    flag: "--log-format",
    variable: "MILLRACE_LOG_FORMAT",
    allowed: `one of ${LOG_FORMATS.join(", ")}`,
    parse: parseOneOf(LOG_FORMATS),
  },
  drain: { flag: "--drain", variable: "MILLRACE_DRAIN", allowed: "a duration like 500ms, 30s, 2m", parse: parseDurationMs },
  minWorkers: { flag: "--min-workers", variable: "MILLRACE_MIN_WORKERS", allowed: "an integer from 1 to 256", parse: parseInteger(1, 256) },
  maxWorkers: { flag: "--max-workers", variable: "MILLRACE_MAX_WORKERS", allowed: "an integer from 1 to 256", parse: parseInteger(1, 256) },
  localWorkers: {
    flag: "--local-workers",
    variable: "MILLRACE_LOCAL_WORKERS",
    allowed: "an integer from 0 to 256",
    parse: parseInteger(0, 256),
  },
  workerPort: {
    flag: "--worker-port",
    variable: "MILLRACE_WORKER_PORT",
    allowed: "an integer from 0 to 65535",
    parse: parseInteger(0, 65_535),
  },
  workerHost: { flag: "--worker-host", variable: "MILLRACE_WORKER_HOST", allowed: "a host name or address", parse: anyText },
  workerToken: {
    flag: null,
    variable: "MILLRACE_WORKER_TOKEN",
    allowed: "a text of at least 16 characters, as `openssl rand -hex 32` prints one",
    isSecret: true,
    parse: parseWorkerToken,
  },
  workerTlsCert: { flag: "--worker-tls-cert", variable: "MILLRACE_WORKER_TLS_CERT", allowed: "a PEM file", parse: anyText },
  workerTlsKey: { flag: "--worker-tls-key", variable: "MILLRACE_WORKER_TLS_KEY", allowed: "a PEM file", parse: anyText },
  backlogLimit: {
    flag: "--backlog-limit",
    variable: "MILLRACE_BACKLOG_LIMIT",
    allowed: "an integer from 1 to 10000000",
    parse: parseInteger(1, 10_000_000),
  },
  inboxLimit: {
    flag: "--inbox-limit",
    variable: "MILLRACE_INBOX_LIMIT",
    allowed: "an integer from 1 to 10000000",
    parse: parseInteger(1, 10_000_000),
  },
  retention: {
    flag: "--retention",
    variable: "MILLRACE_RETENTION",
    allowed: "a duration like 12h, 30d, or off",
    parse: parseRetentionMs,
  },
  retentionRows: {
    flag: "--retention-rows",
    variable: "MILLRACE_RETENTION_ROWS",
    allowed: "an integer from 1 to 100000000000",
    parse: parseInteger(1, 100_000_000_000),
  },
  dagEnv: { flag: null, variable: "MILLRACE_DAG_ENV", allowed: "names of environment variables, separated by commas", parse: parseNames },
} as const satisfies Record<string, Option<unknown>>;

const DAY_MS = 86_400_000;

/** @throws {MillraceError} CONFIG_INVALID, DB_URL_UNKNOWN */
export function loadConfig(env: Environment, flags: ConfigFlags = {}): Config {
  const read = <Value>(option: Option<Value>, flag?: string): Value | undefined => {
    const text = flag ?? nonEmpty(env[option.variable]);
    return text === undefined ? undefined : parseOption(option, text);
  };
  const home = readHome(env, flags);
  const database = parseDatabaseUrl(read(OPTIONS.db, flags.db) ?? `sqlite:${join(home, "millrace.db")}`, read(OPTIONS.dbPool) ?? null);
  const dagsFolders = (flags.dagsFolder?.length ? flags.dagsFolder : read<readonly string[]>(OPTIONS.dagsFolder)) ?? ["dags"];
  return Object.freeze({
    home,
    dagsFolders: Object.freeze([...new Set(dagsFolders.map((folder) => resolve(folder)))]),
    database: Object.freeze(database),
    host: read(OPTIONS.host, flags.host) ?? "127.0.0.1",
    port: read(OPTIONS.port, flags.port) ?? 8080,
    adminPassword: read<string>(OPTIONS.adminPassword) ?? null,
    secretKey: read<Uint8Array>(OPTIONS.secretKey) ?? null,
    ...readLogConfig(env, flags),
    drainMs: read(OPTIONS.drain, flags.drain) ?? 30_000,
    ...readWorkers(read, flags),
    backlogLimit: read(OPTIONS.backlogLimit, flags.backlogLimit) ?? 10_000,
    inboxLimit: read(OPTIONS.inboxLimit, flags.inboxLimit) ?? 100_000,
    retentionMs: read(OPTIONS.retention, flags.retention) ?? 30 * DAY_MS,
    retentionRows: read(OPTIONS.retentionRows, flags.retentionRows) ?? 10_000_000,
    dagEnv: Object.freeze([...(read<readonly string[]>(OPTIONS.dagEnv) ?? [])]),
  });
}

/** The folder of the server's own files, absolute. */
export function readHome(env: Environment, flags: Pick<ConfigFlags, "home"> = {}): string {
  return resolve(flags.home ?? nonEmpty(env[OPTIONS.home.variable]) ?? ".millrace");
}

/** @throws {MillraceError} CONFIG_INVALID */
export function readLogConfig(
  env: Environment,
  flags: Pick<ConfigFlags, "logLevel" | "logFormat"> = {},
): Pick<Config, "logLevel" | "logFormat"> {
  const level = flags.logLevel ?? nonEmpty(env[OPTIONS.logLevel.variable]);
  const format = flags.logFormat ?? nonEmpty(env[OPTIONS.logFormat.variable]);
  return {
    logLevel: level === undefined ? "info" : parseOption<LogLevel>(OPTIONS.logLevel, level),
    logFormat: format === undefined ? "human" : parseOption<LogFormat>(OPTIONS.logFormat, format),
  };
}

type Read = <Value>(option: Option<Value>, flag?: string) => Value | undefined;

function readWorkers(
  read: Read,
  flags: ConfigFlags,
): Pick<Config, "minWorkers" | "maxWorkers" | "workerPort" | "workerHost" | "workerToken" | "workerTls"> {
  const workerPort = read<number>(OPTIONS.workerPort, flags.workerPort) ?? null;
  const [min, max] = [read<number>(OPTIONS.minWorkers, flags.minWorkers), read<number>(OPTIONS.maxWorkers, flags.maxWorkers)];
  const local = read<number>(OPTIONS.localWorkers, flags.localWorkers);
  return {
    ...(local === undefined ? checkWorkers(min, max) : checkLocalWorkers(local, min ?? max)),
    workerPort,
    workerHost: read<string>(OPTIONS.workerHost, flags.workerHost) ?? null,
    workerToken: read<string>(OPTIONS.workerToken) ?? null,
    workerTls: checkTls(read<string>(OPTIONS.workerTlsCert, flags.workerTlsCert), read<string>(OPTIONS.workerTlsKey, flags.workerTlsKey)),
  };
}

type WorkerCounts = Pick<Config, "minWorkers" | "maxWorkers">;

function checkWorkers(min: number | undefined, max: number | undefined): WorkerCounts {
  const minWorkers = min ?? Math.min(1, max ?? 1);
  const maxWorkers = max ?? Math.max(minWorkers, 2, availableParallelism());
  if (minWorkers <= maxWorkers) return { minWorkers, maxWorkers };
  throw invalid(OPTIONS.minWorkers, `expected at most the greatest number of workers, ${maxWorkers}, got '${minWorkers}'`);
}

function checkLocalWorkers(local: number, other: number | undefined): WorkerCounts {
  if (other !== undefined) {
    const others = `${OPTIONS.minWorkers.flag} and ${OPTIONS.maxWorkers.flag}`;
    throw invalid(OPTIONS.localWorkers, `expected it without ${others}, which it stands for, got it with '${other}'`);
  }
  return { minWorkers: local, maxWorkers: local };
}

function checkTls(certFile: string | undefined, keyFile: string | undefined): Config["workerTls"] {
  if (certFile === undefined && keyFile === undefined) return null;
  if (certFile === undefined) throw invalid(OPTIONS.workerTlsCert, `expected it beside ${OPTIONS.workerTlsKey.flag}, got none`);
  if (keyFile === undefined) throw invalid(OPTIONS.workerTlsKey, `expected it beside ${OPTIONS.workerTlsCert.flag}, got none`);
  return { certFile: resolve(certFile), keyFile: resolve(keyFile) };
}

function invalid({ flag, variable }: Option<unknown>, message: string): MillraceError {
  return new MillraceError("CONFIG_INVALID", `${flag} (${variable}): ${message}`);
}

/** A variable that is set to nothing counts as not set, as in compose files. */
export function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
