import type { FoldWrites, NewRun } from "../../domain/committer.ts";
import { DECISION_CODES, type DecisionCode } from "../../domain/decision.ts";
import type { FoldedRun, PendingEvent } from "../../domain/pattern-fold.ts";
import { timeKey } from "../../domain/time-pattern.ts";
import type { PlanContext } from "./plan-context.ts";
import { addRun } from "./plan-event.ts";

/** What the inbox of a DAG came to: its runs, the decisions of their events, and the rows that go. */
export function planFold(writes: FoldWrites, context: PlanContext): void {
  const { dag, rejected, scheduled, timeParts } = writes;
  const { rows } = context;
  for (const run of writes.runs) addFoldedRun(writes, run, context);
  for (const { event, code, reason } of rejected) {
    rows.add("inboxRemoved", [event.rowId]);
    // One that has started a run keeps that as its decision.
    if (event.taken.length === 0) decide(event, dag, { code, runId: null, reason }, context);
  }
  for (const { part, logicalDate } of scheduled) {
    addRun({ ...newRun(writes, { type: "scheduled", part, logicalDate, triggerId: null }, context), events: [] }, [], context);
  }
  for (const { part, state } of timeParts) {
    const key = timeKey(part);
    rows.put("patternStates", `${dag} ${key}`, [dag, key, Buffer.from(JSON.stringify(state))]);
  }
}

function addFoldedRun(writes: FoldWrites, { part, events, decided, kept }: FoldedRun, context: PlanContext): void {
  const triggerId = events.length === 1 ? events[0]!.event.triggerId : null;
  const run = newRun(writes, { type: "asset_triggered", part, logicalDate: null, triggerId }, context);
  // One that waited and was replayed as well is an event of the run once.
  const causes = new Map(events.map(({ event, leg }) => [`${event.eventId} ${leg}`, { id: event.eventId, leg }]));
  addRun({ ...run, events: null }, [...causes.values()], context);
  for (const { event } of events) decide(event, writes.dag, { code: DECISION_CODES.run, runId: run.id, reason: null }, context);
  for (const { rowId } of decided) context.rows.add("inboxRemoved", [rowId]);
  for (const { rowId, taken } of kept) context.rows.put("inboxTaken", String(rowId), [JSON.stringify(taken), rowId]);
}

function newRun(
  { dag, versionId }: FoldWrites,
  fields: Pick<NewRun, "type" | "part" | "logicalDate" | "triggerId">,
  context: PlanContext,
): Omit<NewRun, "events"> {
  return { id: context.takeId(), dag, versionId, params: null, customRunId: null, createdAt: context.now, ...fields };
}

interface Decision {
  readonly code: DecisionCode;
  readonly runId: number | null;
  readonly reason: string | null;
}

function decide({ eventId, replayId }: PendingEvent, dag: number, { code, runId, reason }: Decision, { rows, now }: PlanContext): void {
  rows.put("eventDecisions", `${eventId} ${dag} ${replayId}`, [eventId, dag, replayId, code, runId, reason, now]);
}
