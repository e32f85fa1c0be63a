import type { Command } from "commander";
import type { ConfigFlags } from "../../config/config.ts";
import type { CommandContext } from "../create-program.ts";
import { exampleCommand } from "./client-command.ts";

const EXAMPLES = [
  "millrace standalone --dags-folder dags",
  "millrace standalone --dags-folder dags --db sqlite:/var/lib/millrace/millrace.db --port 8081",
  'MILLRACE_ADMIN_PASSWORD=… MILLRACE_CONN_KAFKA_DEFAULT=\'{"conn_type": "kafka", …}\' millrace standalone',
];

export function standaloneCommand({ env }: CommandContext): Command {
  const collect = (folder: string, folders: readonly string[] | undefined): readonly string[] => [...(folders ?? []), folder];
  return exampleCommand("standalone", "runs a whole server in one process, on a SQLite file", EXAMPLES)
    .option("--dags-folder <dir>", "folder of DAG files; may be given more than once (MILLRACE_DAGS_FOLDER, default dags)", collect)
    .option("--db <url>", "metadata DB: sqlite:FILE (MILLRACE_DB_URL, default sqlite:$MILLRACE_HOME/millrace.db)")
    .option("--host <host>", "address to listen on (MILLRACE_HOST, default 127.0.0.1)")
    .option("--port <port>", "port to listen on, 0 for a free one (MILLRACE_PORT, default 8080)")
    .option("--home <dir>", "folder of the server's own files (MILLRACE_HOME, default .millrace)")
    .option("--log-level <level>", "debug, info, warn or error (MILLRACE_LOG_LEVEL, default info)")
    .option("--log-format <format>", "human or json (MILLRACE_LOG_FORMAT, default human)")
    .option("--drain <duration>", "how long a stop waits for what is under way (MILLRACE_DRAIN, default 30s)")
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
    .option("--retention-rows <n>", "how many of each are kept at most (MILLRACE_RETENTION_ROWS, default 10000000)")
    .action(async (flags: ConfigFlags) => {
      const { loadConfig } = await import("../../config/config.ts");
      const config = loadConfig(env, flags);
      const { runStandalone } = await import("../standalone/run-standalone.ts");
      await runStandalone(config);
    });
}
