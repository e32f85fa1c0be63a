import type { OutboxWrite, RunWrites } from "../../domain/committer.ts";
import type { OutboxMessage, OutboxOutcome } from "../../domain/outbox.ts";
import { OUTBOX_STATE_CODES } from "../../domain/states.ts";
import type { PlanContext } from "./plan-context.ts";
import { planEvent } from "./plan-event.ts";

/** One step of a run: tasks, tries, logs, outlet events and outbox messages commit together. */
export function planRunWrites(writes: RunWrites, context: PlanContext): void {
  const { runId, run } = writes;
  const { rows } = context;
  for (const { taskIndex, mapIndex, ...task } of writes.taskInstances) {
    const { state, try: number, queuedAt, startedAt, endedAt, dueAt, value, error, workerLost } = task;
    const row = [runId, taskIndex, mapIndex, state, number, queuedAt, startedAt, endedAt, dueAt, value, error, workerLost];
    rows.put("taskInstances", `${runId} ${taskIndex} ${mapIndex}`, row);
  }
  for (const { taskIndex, mapIndex, try: number, state, startedAt, endedAt, error } of writes.tries) {
    rows.add("tries", [runId, taskIndex, mapIndex, number, state, startedAt, endedAt, error]);
  }
  for (const { taskIndex, mapIndex, try: number, seq, chunk } of writes.logs) {
    rows.add("logs", [runId, taskIndex, mapIndex, number, seq, chunk]);
  }
  for (const outlet of writes.outletEvents) {
    planEvent(outlet.event, { triggerId: null, sourceId: null, entry: null, runId, outlet }, context);
  }
  for (const message of writes.outbox) context.output.outbox.push(addOutboxMessage(runId, message, context));
  if (run !== null) rows.put("runUpdates", String(runId), [run.state, run.startedAt, run.endedAt, run.rescues, run.error, runId]);
}

export function planOutboxOutcomes(outcomes: readonly OutboxOutcome[], { rows }: PlanContext): void {
  for (const outcome of outcomes) {
    const { id } = outcome;
    if (outcome.outcome === "sent") rows.put("outboxOutcomes", String(id), [OUTBOX_STATE_CODES.sent, null, outcome.at, id]);
    else {
      const state = outcome.outcome === "rejected" ? OUTBOX_STATE_CODES.rejected : OUTBOX_STATE_CODES.pending;
      rows.put("outboxOutcomes", String(id), [state, outcome.reason, null, id]);
    }
  }
}

function addOutboxMessage(runId: number, message: OutboxWrite, context: PlanContext): OutboxMessage {
  const id = context.takeId();
  const { taskIndex, mapIndex, kind, connection, params, options, body } = message;
  const content = [kind, connection, Buffer.from(JSON.stringify(params)), Buffer.from(JSON.stringify(options)), body];
  const state = OUTBOX_STATE_CODES.pending;
  context.rows.add("outboxMessages", [id, runId, taskIndex, mapIndex, ...content, context.processId, state, context.now]);
  return { id, kind, connection, params, options, body, attempts: 0 };
}
