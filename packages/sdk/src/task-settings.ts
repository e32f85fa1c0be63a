import { parseDuration } from "./duration.ts";
import { checkOption } from "./option-check.ts";
import type { TaskSettings } from "./task.ts";

/** `TaskSettings` with every default filled in and durations in ms. */
export interface ResolvedSettings {
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly timeoutMs: number | null;
  readonly isolation: "shared" | "process";
}

export const DEFAULT_SETTINGS: ResolvedSettings = { retries: 0, retryDelayMs: 10_000, timeoutMs: null, isolation: "shared" };
export const SETTINGS = ["retries", "retryDelay", "timeout", "isolation", "cpu"] as const satisfies readonly (keyof TaskSettings)[];
export const SETTINGS_NOT_YET = ["pool", "priority", "maxActive"] as const satisfies readonly (keyof TaskSettings)[];

/** @throws {DefinitionError} BAD_OPTION, BAD_DURATION */
export function resolveSettings(what: string, settings: TaskSettings, defaults: ResolvedSettings): ResolvedSettings {
  const { retries = defaults.retries, retryDelay, timeout } = settings;
  checkOption(`${what}: option 'retries'`, Number.isInteger(retries) && retries >= 0, "a whole number from 0", retries);
  return {
    retries,
    retryDelayMs: retryDelay === undefined ? defaults.retryDelayMs : parseDuration(retryDelay, `${what}: option 'retryDelay'`),
    timeoutMs: timeout === undefined ? defaults.timeoutMs : parseTimeout(`${what}: option 'timeout'`, timeout),
    isolation: resolveIsolation(what, settings, defaults.isolation),
  };
}

function parseTimeout(what: string, timeout: unknown): number {
  const ms = parseDuration(timeout, what);
  checkOption(what, ms > 0, "a duration above 0", timeout);
  return ms;
}

function resolveIsolation(what: string, settings: TaskSettings, fallback: "shared" | "process"): "shared" | "process" {
  const { isolation, cpu } = settings;
  checkOption(`${what}: option 'cpu'`, cpu === undefined || typeof cpu === "boolean", "true or false", cpu);
  checkOption(`${what}: option 'cpu'`, !(cpu === true && isolation === "shared"), "no cpu: true beside isolation: 'shared'", cpu);
  const isKnown = isolation === undefined || isolation === "shared" || isolation === "process";
  checkOption(`${what}: option 'isolation'`, isKnown, "'shared' or 'process'", isolation);
  if (isolation !== undefined) return isolation;
  if (cpu !== undefined) return cpu ? "process" : "shared";
  return fallback;
}
