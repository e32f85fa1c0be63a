import { mkdirSync, readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import type { Environment } from "../../config/config.ts";
import { Lockfiles } from "../../config/lockfile.ts";
import type { WorkerConfig } from "../../config/worker-config.ts";
import { findWorkerToken } from "../../config/worker-token.ts";
import { systemClock } from "../../domain/clock.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import { createLog } from "../../telemetry/log.ts";
import { RemoteWorker } from "../../worker/remote/remote-worker.ts";
import { readVersion } from "../read-version.ts";
import { reportError } from "../report-error.ts";
import { makeWorkerProcesses } from "../worker-processes.ts";

const EXIT_INTERRUPTED = 130;

/**
 * `millrace worker`: runs until SIGTERM or SIGINT, which drain and exit 0; a second SIGINT exits at once. Ends with 1 once
 * every scheduler has refused it.
 * @throws {MillraceError} CONFIG_INVALID
 */
export async function runWorker(config: WorkerConfig, env: Environment): Promise<void> {
  const log = createLog({ level: config.logLevel, format: config.logFormat });
  const worker = makeWorker(config, env, log);
  stopOnSignal(worker, config.drainMs, log);
  await worker.start();
  const { processes, slots, project } = config;
  log.info("the worker takes tasks", { processes, slots: processes * slots, project });
}

function makeWorker(config: WorkerConfig, env: Environment, log: Log): RemoteWorker {
  const { home, project, processes, slots } = config;
  const token = readToken(config);
  if (statSync(project, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new MillraceError("CONFIG_INVALID", `--project (MILLRACE_PROJECT): expected a folder, got '${project}'`);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const lockfiles = new Lockfiles(systemClock);
  const version = readVersion();
  const worker: RemoteWorker = new RemoteWorker({
    schedulers: config.schedulers,
    ca: readAuthorities(config.caFile),
    token,
    executor: (listener, values) => {
      // As many again while tasks block the event loops of the others.
      const counts = { minWorkers: processes, maxWorkers: 2 * processes, slots };
      return makeWorkerProcesses({ environment: env, version, listener, values, clock: systemClock, log, ...counts });
    },
    slots: slots * processes,
    processes,
    project,
    lockfile: () => lockfiles.ofFolder(project),
    bundlesFolder: join(home, "bundles"),
    host: hostname(),
    pid: process.pid,
    version,
    clock: systemClock,
    log: log.child({ part: "worker" }),
    onRefused: (error) => void giveUp(worker, error, env),
  });
  return worker;
}

async function giveUp(worker: RemoteWorker, error: MillraceError, env: Environment): Promise<void> {
  await worker.stop({ deadlineMs: 0 });
  process.exit(reportError(error, env));
}

function readToken({ home, workerToken }: WorkerConfig): string {
  const found = findWorkerToken(home, workerToken);
  if (found !== null) return found.token;
  const hint = "set MILLRACE_WORKER_TOKEN to the scheduler's token, or copy its file worker.token into this MILLRACE_HOME";
  throw new MillraceError(
    "CONFIG_INVALID",
    `expected the schedulers' token in MILLRACE_WORKER_TOKEN or in '${join(home, "worker.token")}', got none`,
    {
      hint,
    },
  );
}

/** Without a file: those that Node brings and those of the system. */
function readAuthorities(file: string | null): readonly string[] {
  if (file === null) return [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
  try {
    return [readFileSync(file, "utf8")];
  } catch (cause) {
    throw new MillraceError(
      "CONFIG_INVALID",
      `--tls-ca (MILLRACE_TLS_CA): expected a PEM file at '${file}', got ${(cause as Error).message}`,
      { cause },
    );
  }
}

function stopOnSignal(worker: RemoteWorker, drainMs: number, log: Log): void {
  let isInterrupted = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (signal === "SIGINT" && isInterrupted) process.exit(EXIT_INTERRUPTED);
    isInterrupted ||= signal === "SIGINT";
    log.info(`${signal}: finishing the tasks that run, at most ${drainMs} ms; Ctrl-C again ends at once`);
    void worker.stop({ deadlineMs: drainMs }).then(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}
