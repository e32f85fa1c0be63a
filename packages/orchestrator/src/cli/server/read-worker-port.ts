import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Config } from "../../config/config.ts";
import { findOrMakeWorkerToken } from "../../config/worker-token.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import { isLoopback } from "../../domain/scheduler-address.ts";

/** Where workers of other machines connect, and what they have to know. */
export interface WorkerPort {
  /** null: every address of this machine. */
  readonly host: string | null;
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly token: string;
  /** Where the token is, for people. */
  readonly tokenPlace: string;
}

const LOOPBACK = "127.0.0.1";

/**
 * Without TLS, only this machine reaches the port unless an address is given.
 * @throws {MillraceError} CONFIG_INVALID
 */
export function readWorkerPort(config: Config, log: Log): WorkerPort | null {
  const { workerPort: port, workerHost, workerTls, home } = config;
  if (port === null && config.maxWorkers === 0) {
    const message = "--local-workers (MILLRACE_LOCAL_WORKERS): expected --worker-port beside '0', got none: tasks would run nowhere";
    throw new MillraceError("CONFIG_INVALID", message);
  }
  if (port === null) return null;
  const { token, place } = findOrMakeWorkerToken(home, config.workerToken);
  const tls = workerTls === null ? null : readTls(workerTls);
  if (tls === null && workerHost !== null && !isLoopback({ host: workerHost })) {
    const hint = "give --worker-tls-cert and --worker-tls-key, or keep this network to yourself";
    log.warn(`workers reach '${workerHost}' without TLS: tasks, their results and the values of connections travel in the clear`, { hint });
  }
  return { host: workerHost ?? (tls === null ? LOOPBACK : null), port, tls, token, tokenPlace: place };
}

function readTls({ certFile, keyFile }: NonNullable<Config["workerTls"]>): NonNullable<WorkerPort["tls"]> {
  const cert = readPem("--worker-tls-cert", certFile);
  const key = readPem("--worker-tls-key", keyFile);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const message = `--worker-tls-cert, --worker-tls-key: expected a certificate and its key, got ${(cause as Error).message}`;
    throw new MillraceError("CONFIG_INVALID", message, { cause });
  }
  return { cert, key };
}

function readPem(flag: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new MillraceError("CONFIG_INVALID", `${flag}: expected a PEM file at '${file}', got ${(cause as Error).message}`, { cause });
  }
}
