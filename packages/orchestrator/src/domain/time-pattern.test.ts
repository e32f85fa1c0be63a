import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { TimePart } from "./pattern-parts.ts";
import { beginTimePart, checkCron, dueInstant, nextInstant, resumeTimePart, ruleOf } from "./time-pattern.ts";

const cron = (expression: string, options: { timeZone?: string; startAt?: number; catchup?: boolean } = {}): TimePart => {
  const { timeZone = "UTC", startAt = null, catchup = false } = options;
  return { path: "", pattern: { kind: "cron", text: "", expression, timeZone, startAt, catchup } };
};
const every = (intervalMs: number): TimePart => ({ path: "", pattern: { kind: "every", text: "", intervalMs } });
const at = (iso: string): number => Date.parse(iso);
const iso = (instant: number | null): string | null => (instant === null ? null : new Date(instant).toISOString());
const next = (part: TimePart, after: string): string | null => iso(nextInstant(part, at(after)));

test("the next instant is after the one given, to the millisecond", () => {
  assert.equal(next(cron("*/5 * * * *"), "2026-01-01T00:05:00.000Z"), "2026-01-01T00:10:00.000Z");
  assert.equal(next(cron("*/5 * * * *"), "2026-01-01T00:04:59.999Z"), "2026-01-01T00:05:00.000Z");
  assert.equal(next(cron("@daily"), "2026-01-01T00:00:00Z"), "2026-01-02T00:00:00.000Z");
  assert.equal(next(every(900_000), "2026-01-01T00:07:00Z"), "2026-01-01T00:15:00.000Z");
  assert.equal(next(cron("0 6 * * *", { startAt: at("2026-03-01T06:00:00Z") }), "2026-01-01T00:00:00Z"), "2026-03-01T06:00:00.000Z");
});

test("a local time that does not exist runs at the next one that does, one that comes twice runs once", () => {
  const berlin = cron("30 2 * * *", { timeZone: "Europe/Berlin" });
  assert.equal(next(berlin, "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00.000Z", "02:30 is skipped to 03:00");
  assert.equal(next(berlin, "2026-03-29T01:00:00Z"), "2026-03-30T00:30:00.000Z");
  assert.equal(next(berlin, "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00.000Z", "the first 02:30");
  assert.equal(next(berlin, "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00.000Z", "and not the second");
});

test("without catchup only the last of the instants that passed is due, with it each in turn", () => {
  const state = (part: TimePart, doneUntil: string) => ({ rule: ruleOf(part), doneUntil: at(doneUntil) });
  for (const part of [cron("0 * * * *"), every(3_600_000)]) {
    assert.equal(iso(dueInstant(part, state(part, "2026-01-01T00:00:00Z"), at("2026-01-01T05:30:00Z"))), "2026-01-01T05:00:00.000Z");
    assert.equal(dueInstant(part, state(part, "2026-01-01T05:00:00Z"), at("2026-01-01T05:30:00Z")), null);
    assert.equal(iso(dueInstant(part, state(part, "2026-01-01T05:00:00Z"), at("2026-01-01T06:00:00Z"))), "2026-01-01T06:00:00.000Z");
  }
  const catchup = cron("0 * * * *", { catchup: true });
  assert.equal(iso(dueInstant(catchup, state(catchup, "2026-01-01T00:00:00Z"), at("2026-01-01T05:30:00Z"))), "2026-01-01T01:00:00.000Z");
});

test("a new part begins now, one with catchup at its start", () => {
  const now = at("2026-01-10T00:00:30Z");
  assert.equal(dueInstant(cron("* * * * *"), beginTimePart(cron("* * * * *"), now), now), null);
  const past = cron("@daily", { catchup: true, startAt: at("2026-01-08T00:00:00Z") });
  assert.equal(iso(dueInstant(past, beginTimePart(past, now), now)), "2026-01-08T00:00:00.000Z");
  const future = cron("@daily", { catchup: true, startAt: at("2026-02-01T00:00:00Z") });
  assert.equal(dueInstant(future, beginTimePart(future, now), now), null);
});

test("what is no cron expression is told", () => {
  assert.equal(checkCron("30 6 * * mon-fri"), null);
  assert.equal(checkCron("@yearly"), null);
  assert.match(checkCron("61 * * * *") ?? "", /minute: 61/);
  assert.match(checkCron("* * * *") ?? "", /five/);
  assert.match(checkCron("0 0 0 * * *") ?? "", /five/);
  assert.match(checkCron("0 0 30 2 *") ?? "", /never comes/);
});

test("a part goes on where it was; not by another rule, and not where a clock that was ahead has left it", () => {
  const now = at("2026-01-10T00:00:30Z");
  const daily = cron("@daily");
  const stored = (doneUntil: string, rule = ruleOf(daily)) => ({ rule, doneUntil: at(doneUntil) });
  assert.deepEqual(resumeTimePart(daily, stored("2026-01-09T00:00:00Z"), now), stored("2026-01-09T00:00:00Z"));
  assert.equal(resumeTimePart(daily, stored("2026-01-10T00:10:00Z"), now).doneUntil, at("2026-01-10T00:10:00Z"), "set back a little");
  assert.equal(resumeTimePart(daily, stored("2027-01-10T00:00:00Z"), now).doneUntil, now);
  assert.equal(resumeTimePart(daily, stored("2026-01-09T00:00:00Z", ruleOf(every(1_000))), now).doneUntil, now);
  assert.equal(resumeTimePart(daily, undefined, now).doneUntil, now);
});

test("an interval goes on when the clock is set back, a cron waits until it is where it was", () => {
  const doneUntil = at("2026-01-10T12:00:00Z");
  const back = at("2026-01-10T11:00:07Z");
  const seconds = every(5_000);
  assert.equal(dueInstant(seconds, { rule: ruleOf(seconds), doneUntil }, back), at("2026-01-10T11:00:05Z"));
  assert.equal(dueInstant(seconds, { rule: ruleOf(seconds), doneUntil }, doneUntil - 100), null, "set back a little");
  const hourly = cron("@hourly");
  assert.equal(dueInstant(hourly, { rule: ruleOf(hourly), doneUntil }, back), null);
});
