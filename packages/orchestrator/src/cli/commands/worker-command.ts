import type { Command } from "commander";
import type { WorkerFlags } from "../../config/worker-config.ts";
import type { CommandContext } from "../create-program.ts";
import { exampleCommand } from "./client-command.ts";

const EXAMPLES = [
  "MILLRACE_WORKER_TOKEN=… millrace worker --scheduler tls://scheduler.example.net:8793 --project /srv/dags",
  "millrace worker --scheduler 10.0.0.5:8793 --scheduler 10.0.0.6:8793 --processes 4",
];

export function workerCommand({ env }: CommandContext): Command {
  const collect = (text: string, texts: readonly string[] | undefined): readonly string[] => [...(texts ?? []), text];
  return exampleCommand("worker", "runs tasks for schedulers on other machines; has no database", EXAMPLES)
    .option(
      "--scheduler <address>",
      "host:port of a scheduler, tls:// before it for TLS; may be given more than once (MILLRACE_SCHEDULERS)",
      collect,
    )
    .option("--slots <n>", "tasks that one worker process runs side by side (MILLRACE_WORKER_SLOTS, default 256)")
    .option("--processes <n>", "worker processes kept warm (MILLRACE_WORKER_PROCESSES, default the number of cores)")
    .option("--project <dir>", "folder that the imports of DAG files resolve from (MILLRACE_PROJECT, default the working directory)")
    .option(
      "--tls-ca <file>",
      "PEM of the authority that signed the schedulers' certificate, where the system does not know it (MILLRACE_TLS_CA)",
    )
    .option("--home <dir>", "folder of the worker's own files (MILLRACE_HOME, default .millrace)")
    .option("--drain <duration>", "how long a stop waits for the tasks that run (MILLRACE_DRAIN, default 30s)")
    .option("--log-level <level>", "debug, info, warn or error (MILLRACE_LOG_LEVEL, default info)")
    .option("--log-format <format>", "human or json (MILLRACE_LOG_FORMAT, default human)")
    .action(async (flags: WorkerFlags) => {
      const { loadWorkerConfig } = await import("../../config/worker-config.ts");
      const config = loadWorkerConfig(env, flags);
      const { runWorker } = await import("../actions/run-worker-action.ts");
      await runWorker(config, env);
    });
}
