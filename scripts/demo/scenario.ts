import type { AssetEvent, DagRun, DeadLetter } from "./records.ts";
import type { Colour } from "./terminal.ts";

/** A message as the demo sent it. */
export interface Sent {
  /** Tells it from every other one of its scenario. */
  readonly key: string;
  readonly body: string;
  /** As a person would say it: `oven-3 93.5 °C`. */
  readonly text: string;
  /** UTC ms with fractions, just before it was sent. */
  readonly sentAt: number;
}

/** What became of all that was sent. */
export interface Found {
  /** Of the scenario's assets. */
  readonly events: readonly AssetEvent[];
  readonly deadLetters: readonly DeadLetter[];
  /** Of the scenario's DAGs. */
  readonly runs: readonly DagRun[];
  /** What a task of a failed run said, by the run's id. */
  readonly errors: ReadonlyMap<string, string>;
  /** Bodies, as they came out of the other queue. */
  readonly replies: readonly string[];
}

export interface Check {
  readonly promise: string;
  /** What does not keep it, as sentences; empty where all is right. */
  readonly wrong: readonly string[];
}

/** One of the patterns of event-driven scheduling: what arrives, which DAG runs, what goes out. */
export interface Scenario {
  /** `sensor readings` */
  readonly name: string;
  readonly dagFile: string;
  /** The first is the one that the messages start. */
  readonly dagIds: readonly string[];
  /** The first is the one that the messages become events of. */
  readonly assets: readonly string[];
  /** The queue, or topic, that the DAG file names. */
  readonly source: string;
  /** Where its DAG publishes to; null where it does not. */
  readonly replies: { readonly queue: string; readonly word: string; readonly colour: Colour; describe(body: string): string } | null;
  /** What the server needs beside the connection to the broker. */
  readonly environment: Readonly<Record<string, string>>;
  /** Between two messages of the live demo. */
  readonly pauseMs: { readonly min: number; readonly max: number };
  /** Its share of the messages of `--once`, against that of the readings. */
  readonly share: number;
  next(): Sent;
  describeEvent(event: AssetEvent): string;
  /** How many replies are to come for what was sent so far. */
  expectedReplies(): number;
  /** Compares what was sent with what is there. */
  check(found: Found): readonly Check[];
  /** Lines of the summary. */
  figures(found: Found): readonly (readonly [string, number])[];
}

/** UTC ms with fractions. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}

export function tally(keys: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** What differs, as sentences. */
export function differ(key: string, expected: number, got: number, what: string): readonly string[] {
  return expected === got ? [] : [`${key}: expected ${expected} ${what}, got ${got}`];
}

export function pick<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)]!;
}

export function examplePath(name: string): string {
  return new URL(`../../examples/${name}`, import.meta.url).pathname;
}
