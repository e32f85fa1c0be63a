import { Cron } from "croner";
import type { TimePart } from "./pattern-parts.ts";

/** What is stored of a part that runs by time: the last instant it is done with. */
export interface TimePartState {
  /** What the instants follow from; another one begins anew. */
  readonly rule: string;
  /** UTC ms. */
  readonly doneUntil: number;
}

/** The key of a part that runs by time, in `pattern_state`. */
export function timeKey(part: string): string {
  return `time:${part}`;
}

const NICKNAMES: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
};

/** What is wrong with a cron expression, as a sentence; null where it is right and has an instant to come. */
export function checkCron(expression: string): string | null {
  const fields = expression.trim().split(/\s+/).length;
  if (fields !== 5 && !(expression in NICKNAMES)) return `expected five fields (minute hour day month weekday), got ${fields}`;
  try {
    const first = newCron(expression, "UTC").nextRun(new Date(0));
    return first === null ? "it never comes" : null;
  } catch (error) {
    return (error as Error).message.replace(/^CronPattern: /, "");
  }
}

function newCron(expression: string, timeZone: string): Cron {
  return new Cron(NICKNAMES[expression] ?? expression, { timezone: timeZone, mode: "5-part" });
}

const crons = new Map<string, Cron>();

function cronOf(expression: string, timeZone: string): Cron {
  const key = `${expression} ${timeZone}`;
  const cron = crons.get(key) ?? newCron(expression, timeZone);
  crons.set(key, cron);
  return cron;
}

/** Equal strings give equal instants. */
export function ruleOf({ pattern }: TimePart): string {
  return pattern.kind === "every"
    ? `every ${pattern.intervalMs}`
    : `cron ${pattern.expression} ${pattern.timeZone} ${pattern.startAt ?? ""}`;
}

/** The first instant after one, in UTC ms; null where there is none. */
export function nextInstant({ pattern }: TimePart, after: number): number | null {
  if (pattern.kind === "every") return (Math.floor(after / pattern.intervalMs) + 1) * pattern.intervalMs;
  const from = Math.max(after, (pattern.startAt ?? 0) - 1);
  return cronOf(pattern.expression, pattern.timeZone).nextRun(new Date(from))?.getTime() ?? null;
}

/** Where a part begins that was never seen before: with `catchup` at its start, else now. */
export function beginTimePart(part: TimePart, now: number): TimePartState {
  const { pattern } = part;
  const startAt = pattern.kind === "cron" && pattern.catchup ? pattern.startAt : null;
  return { rule: ruleOf(part), doneUntil: startAt === null ? now : Math.min(now, startAt - 1) };
}

/** A clock that was ahead has left an instant that is still to come: nothing would run until then. */
const MAX_AHEAD_MS = 3_600_000;

/** Where a part goes on that was seen before. */
export function resumeTimePart(part: TimePart, stored: TimePartState | undefined, now: number): TimePartState {
  const isGood = stored?.rule === ruleOf(part) && stored.doneUntil <= now + MAX_AHEAD_MS;
  return isGood ? stored : beginTimePart(part, now);
}

/**
 * The instant a run is due for by now: with `catchup` the first that was not run, else the last one; null where none is. An interval goes on
 * when the clock was set back, and its instants come again; a cron's do not: it waits, for an hour at most.
 */
export function dueInstant(part: TimePart, { doneUntil }: TimePartState, now: number): number | null {
  const { pattern } = part;
  if (pattern.kind === "every" && doneUntil > now + pattern.intervalMs) return lastInstant(part, now, now);
  const first = nextInstant(part, doneUntil);
  if (first === null || first > now) return null;
  const isCatchup = pattern.kind === "cron" && pattern.catchup;
  return isCatchup ? first : lastInstant(part, first, now);
}

function lastInstant({ pattern }: TimePart, first: number, now: number): number {
  if (pattern.kind === "every") return Math.floor(now / pattern.intervalMs) * pattern.intervalMs;
  const [last] = cronOf(pattern.expression, pattern.timeZone).previousRuns(1, new Date(now + 1));
  const instant = last?.getTime() ?? first;
  return instant > now || instant < first ? first : instant;
}
