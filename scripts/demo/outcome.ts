import { keyOf, type SentReading } from "./readings.ts";
import type { AssetEvent, DagRun, DeadLetter, TaskInstance } from "./records.ts";

/** All that is known once the demo has settled. */
export interface Outcome {
  readonly sent: readonly SentReading[];
  readonly events: readonly AssetEvent[];
  readonly deadLetters: readonly DeadLetter[];
  readonly runs: readonly DagRun[];
  /** The first task of each run. */
  readonly starts: readonly TaskInstance[];
  /** Bodies, as they came out of the other queue. */
  readonly alerts: readonly string[];
}

export interface Check {
  readonly promise: string;
  /** What does not keep it, as sentences; empty where all is right. */
  readonly wrong: readonly string[];
}

/** Compares what was sent with what is there. Messages of others, on a broker that is shared, are left aside. */
export function checkOutcome(outcome: Outcome): readonly Check[] {
  const { sent, events, deadLetters, runs, alerts } = outcome;
  const eventKeys = tally(events.map(({ payload }) => keyOf(payload)));
  const letterKeys = tally(deadLetters.map(({ value }) => keyOfBody(value)));
  const alertKeys = tally(alerts.map(keyOfBody));
  const runsOf = new Map(events.map(({ payload, created_dagruns: made }) => [keyOf(payload), made.length]));
  const expected = (wanted: SentReading["expectation"][], found: ReadonlyMap<string, number>, what: string): string[] =>
    sent.flatMap(({ key, expectation }) => differ(key, wanted.includes(expectation) ? 1 : 0, found.get(key) ?? 0, what));
  return [
    { promise: "every reading became exactly one asset event", wrong: expected(["filtered", "run", "alert"], eventKeys, "asset events") },
    { promise: "every broken message became exactly one dead letter", wrong: expected(["dead letter"], letterKeys, "dead letters") },
    { promise: "every warm reading started exactly one run, every other was filtered", wrong: expected(["run", "alert"], runsOf, "runs") },
    {
      promise: "every run ended in success",
      wrong: runs.flatMap(({ dag_run_id: id, state, error }) => (state === "success" ? [] : [`run ${id}: ${state} ${error ?? ""}`])),
    },
    { promise: "every warranted alert came out exactly once, and no other", wrong: expected(["alert"], alertKeys, "alerts") },
  ];
}

/** Sorted ms from just before a reading was sent to the start of its run's first task. */
export function startDelays({ sent, events, starts }: Outcome): readonly number[] {
  const sentAt = new Map(sent.map(({ key, sentAt }) => [key, sentAt]));
  const keys = new Map(events.flatMap(({ payload, created_dagruns: made }) => made.map(({ run_id: id }) => [id, keyOf(payload)])));
  const delays = starts.flatMap(({ dag_run_id: id, start_date: start }) => {
    const from = sentAt.get(keys.get(id) ?? "");
    return from === undefined || start === null ? [] : [Math.max(0, Date.parse(start) - from)];
  });
  return delays.sort((a, b) => a - b);
}

function differ(key: string, expected: number, got: number, what: string): string[] {
  return expected === got ? [] : [`${key}: expected ${expected} ${what}, got ${got}`];
}

function tally(keys: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** Empty for what is no reading or alert. */
function keyOfBody(body: string | null): string {
  try {
    return keyOf(JSON.parse(body ?? "") as { sensor: string; at: string });
  } catch {
    return "";
  }
}
