import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { MillraceError } from "../domain/errors.ts";
import { parseSchedulerAddress, type SchedulerAddress } from "../domain/scheduler-address.ts";
import { type Config, type Environment, nonEmpty, OPTIONS, readHome, readLogConfig } from "./config.ts";
import { type Option, parseInteger, parseOption } from "./option.ts";

/** What `millrace worker` needs to know before it starts. */
export interface WorkerConfig extends Pick<Config, "home" | "drainMs" | "logLevel" | "logFormat" | "workerToken"> {
  /** At least one. */
  readonly schedulers: readonly SchedulerAddress[];
  /** Absolute PEM file of authorities; null: those of Node and of the system. */
  readonly caFile: string | null;
  /** Of each worker process. */
  readonly slots: number;
  readonly processes: number;
  /** Absolute folder that bare imports resolve from. */
  readonly project: string;
}

export interface WorkerFlags {
  readonly home?: string | undefined;
  readonly scheduler?: readonly string[] | undefined;
  readonly tlsCa?: string | undefined;
  readonly slots?: string | undefined;
  readonly processes?: string | undefined;
  readonly project?: string | undefined;
  readonly drain?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
}

/** Tries that one shared worker process runs side by side. */
export const DEFAULT_SLOTS = 256;

/** Settings of `millrace worker` beside those that it shares with the server; docs/reference/configuration.md is compared with this table. */
export const WORKER_OPTIONS = {
  scheduler: {
    flag: "--scheduler",
    variable: "MILLRACE_SCHEDULERS",
    allowed: "addresses like host:8793 or tls://host:8793, separated by commas",
    parse: parseAddresses,
  },
  slots: { flag: "--slots", variable: "MILLRACE_WORKER_SLOTS", allowed: "an integer from 1 to 4096", parse: parseInteger(1, 4_096) },
  processes: {
    flag: "--processes",
    variable: "MILLRACE_WORKER_PROCESSES",
    allowed: "an integer from 1 to 256",
    parse: parseInteger(1, 256),
  },
  project: { flag: "--project", variable: "MILLRACE_PROJECT", allowed: "a folder", parse: (text: string) => nonEmpty(text.trim()) },
  tlsCa: { flag: "--tls-ca", variable: "MILLRACE_TLS_CA", allowed: "a PEM file", parse: (text: string) => nonEmpty(text.trim()) },
} as const satisfies Record<string, Option<unknown>>;

/** @throws {MillraceError} CONFIG_INVALID */
export function loadWorkerConfig(env: Environment, flags: WorkerFlags = {}): WorkerConfig {
  const read = <Value>(option: Option<Value>, flag?: string): Value | undefined => {
    const text = flag ?? nonEmpty(env[option.variable]);
    return text === undefined ? undefined : parseOption(option, text);
  };
  const ca = read<string>(WORKER_OPTIONS.tlsCa, flags.tlsCa);
  const schedulers = read<readonly SchedulerAddress[]>(WORKER_OPTIONS.scheduler, flags.scheduler?.join(",")) ?? [];
  if (schedulers.length === 0) {
    const { flag, variable } = WORKER_OPTIONS.scheduler;
    const hint = "the server's start message says where it takes workers: `millrace standalone --worker-port 8793`";
    throw new MillraceError("CONFIG_INVALID", `${flag} (${variable}): expected the address of a scheduler, got none`, { hint });
  }
  return Object.freeze({
    home: readHome(env, flags),
    schedulers: ca === undefined ? schedulers : schedulers.map((address) => ({ ...address, isTls: true })),
    workerToken: read<string>(OPTIONS.workerToken) ?? null,
    caFile: ca === undefined ? null : resolve(ca),
    slots: read<number>(WORKER_OPTIONS.slots, flags.slots) ?? DEFAULT_SLOTS,
    processes: read<number>(WORKER_OPTIONS.processes, flags.processes) ?? availableParallelism(),
    project: resolve(read<string>(WORKER_OPTIONS.project, flags.project) ?? "."),
    drainMs: read<number>(OPTIONS.drain, flags.drain) ?? 30_000,
    ...readLogConfig(env, flags),
  });
}

function parseAddresses(text: string): readonly SchedulerAddress[] | undefined {
  const parts = text.split(",").filter((part) => part.trim() !== "");
  const addresses = parts.map(parseSchedulerAddress);
  return addresses.length > 0 && addresses.every((address) => address !== undefined) ? addresses : undefined;
}
