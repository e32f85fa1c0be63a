import type { Command } from "commander";
import type { DatabaseAddress } from "../../config/database-url.ts";
import type { ConfigFlags } from "../../config/config.ts";
import { type Role, ROLES } from "../../domain/cluster.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { CommandContext } from "../create-program.ts";
import { exampleCommand } from "./client-command.ts";

const EXAMPLES = [
  "millrace standalone --dags-folder dags",
  "millrace standalone --dags-folder dags --db sqlite:/var/lib/millrace/millrace.db --port 8081",
  "millrace standalone --db postgres://millrace:…@db.example/millrace",
  'MILLRACE_ADMIN_PASSWORD=… MILLRACE_CONN_KAFKA_DEFAULT=\'{"conn_type": "kafka", …}\' millrace standalone',
];

export function standaloneCommand(context: CommandContext): Command {
  const command = exampleCommand("standalone", "runs a whole server in one process, on a SQLite file or on PostgreSQL", EXAMPLES);
  return runs(withSchedulerOptions(withApiOptions(withServerOptions(command))), ROLES, context);
}

/** One part of a server each: any number of them, on one machine or many, share a PostgreSQL. */
export function schedulerCommand(context: CommandContext): Command {
  const examples = ["millrace scheduler --db postgres://millrace:…@db.example/millrace --dags-folder dags --worker-port 8793"];
  const command = exampleCommand("scheduler", "loads DAG files, decides what runs, and runs it here or on workers (PostgreSQL)", examples);
  return runs(withSchedulerOptions(withServerOptions(command)), ["scheduler"], context);
}

export function triggererCommand(context: CommandContext): Command {
  const examples = ["millrace triggerer --db postgres://millrace:…@db.example/millrace"];
  const command = exampleCommand("triggerer", "listens to queues and stores their messages as asset events (PostgreSQL)", examples);
  return runs(withServerOptions(command), ["triggerer"], context);
}

export function apiServerCommand(context: CommandContext): Command {
  const examples = ["millrace api-server --db postgres://millrace:…@db.example/millrace --host 0.0.0.0 --port 8080"];
  const command = exampleCommand("api-server", "answers REST requests (PostgreSQL)", examples);
  return runs(withApiOptions(withServerOptions(command)), ["api-server"], context);
}

function withServerOptions(command: Command): Command {
  const collect = (folder: string, folders: readonly string[] | undefined): readonly string[] => [...(folders ?? []), folder];
  return command
    .option("--dags-folder <dir>", "folder of DAG files; may be given more than once (MILLRACE_DAGS_FOLDER, default dags)", collect)
    .option("--db <url>", "metadata DB: sqlite:FILE or postgres://… (MILLRACE_DB_URL, default sqlite:$MILLRACE_HOME/millrace.db)")
    .option("--home <dir>", "folder of the server's own files (MILLRACE_HOME, default .millrace)")
    .option("--log-level <level>", "debug, info, warn or error (MILLRACE_LOG_LEVEL, default info)")
    .option("--log-format <format>", "human or json (MILLRACE_LOG_FORMAT, default human)")
    .option("--drain <duration>", "how long a stop waits for what is under way (MILLRACE_DRAIN, default 30s)");
}

function withApiOptions(command: Command): Command {
  return command
    .option("--host <host>", "address to listen on (MILLRACE_HOST, default 127.0.0.1)")
    .option("--port <port>", "port to listen on, 0 for a free one (MILLRACE_PORT, default 8080)");
}

function withSchedulerOptions(command: Command): Command {
  return command
    .option("--min-workers <n>", "worker processes that are always there (MILLRACE_MIN_WORKERS, default 1)")
    .option("--max-workers <n>", "worker processes at most (MILLRACE_MAX_WORKERS, default the number of cores, at least 2)")
    .option(
      "--local-workers <n>",
      "exactly so many worker processes on this machine; 0: tasks run on others alone (MILLRACE_LOCAL_WORKERS)",
    )
    .option("--worker-port <port>", "where workers of other machines connect, 0 for a free port (MILLRACE_WORKER_PORT, default none)")
    .option("--worker-host <host>", "address of that port (MILLRACE_WORKER_HOST, default 127.0.0.1, with TLS every address)")
    .option("--worker-tls-cert <file>", "PEM of the certificate that workers see (MILLRACE_WORKER_TLS_CERT)")
    .option("--worker-tls-key <file>", "PEM of its key (MILLRACE_WORKER_TLS_KEY)")
    .option("--backlog-limit <n>", "waiting runs of one trigger at which it stops pulling (MILLRACE_BACKLOG_LIMIT, default 10000)")
    .option("--inbox-limit <n>", "events that wait for one DAG at which their triggers stop pulling (MILLRACE_INBOX_LIMIT, default 100000)")
    .option("--retention <duration>", "how long ended runs, events and dead letters are kept, or off (MILLRACE_RETENTION, default 30d)")
    .option("--retention-rows <n>", "how many of each are kept at most (MILLRACE_RETENTION_ROWS, default 10000000)");
}

function runs(command: Command, roles: readonly Role[], { env }: CommandContext): Command {
  return command.action(async (flags: ConfigFlags) => {
    const { loadConfig } = await import("../../config/config.ts");
    const config = loadConfig(env, flags);
    if (roles.length < ROLES.length) assertShared(config.database, command.name());
    const { runServer } = await import("../server/run-server.ts");
    await runServer(config, roles);
  });
}

/** A SQLite file has one process. @throws {MillraceError} DB_URL_UNKNOWN */
function assertShared(database: DatabaseAddress, name: string): void {
  if (database.kind === "postgres") return;
  throw new MillraceError(
    "DB_URL_UNKNOWN",
    `expected a PostgreSQL address for \`millrace ${name}\`, got a SQLite file, which one process has to itself`,
    {
      hint: "give --db postgres://…, or run `millrace standalone`, which is every part in one process",
    },
  );
}
