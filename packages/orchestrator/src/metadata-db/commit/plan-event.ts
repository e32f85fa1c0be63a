import type { NewRun, OutletEventWrite, RunCreation, RunEvent, StoredEvent } from "../../domain/committer.ts";
import { DECISION_CODES, type StoredDecision } from "../../domain/decision.ts";
import { commitNumberOf, firstIdOf } from "../../domain/ids.ts";
import type { IngestEntry, NewAssetEvent, PendingDecision } from "../../domain/ingest-unit.ts";
import { DAG_RUN_STATE_CODES, RUN_TYPE_CODES } from "../../domain/states.ts";
import type { PlanContext } from "./plan-context.ts";

/** What brought an event: a message, or a task. */
export interface EventCause {
  readonly triggerId: number | null;
  readonly sourceId: number | null;
  readonly entry: IngestEntry | null;
  readonly runId: number | null;
  readonly outlet: OutletEventWrite | null;
}

export const NO_CAUSE: EventCause = { triggerId: null, sourceId: null, entry: null, runId: null, outlet: null };

const NO_SUBSCRIBER = Buffer.from(JSON.stringify([[0, DECISION_CODES.no_subscriber, null]]));
const FIELDS_OF_DIRECT_RUN = { type: "asset_triggered", logicalDate: null, params: null, customRunId: null, part: "" } as const;

/** An asset event with its decisions, the runs these start, and the inbox rows of DAGs that take it later. */
export function planEvent(event: NewAssetEvent, cause: EventCause, context: PlanContext): StoredEvent {
  const stored: StoredEvent = { id: context.takeId(), createdAt: context.now, triggerId: cause.triggerId, data: event };
  const runs = event.decisions
    .filter(({ code }) => code === DECISION_CODES.run)
    .map((decision) => newDirectRun(decision, { ...stored, leg: 0 }, context));
  addEvent(stored, cause, encodeDecisions(event.decisions, runs, stored.id), context);
  for (const run of runs) addRun(run, [{ id: stored.id, leg: 0 }], context);
  for (const decision of event.decisions) if (decision.inbox !== null) addInboxRow(stored, decision, context);
  return stored;
}

/** A run by hand; its events are for it alone. */
export function planCreation(creation: RunCreation, context: PlanContext): NewRun {
  const events = creation.events.map(({ event, leg }): RunEvent => ({
    id: context.takeId(),
    createdAt: context.now,
    triggerId: null,
    data: event,
    leg,
  }));
  const run: NewRun = { ...creation, id: context.takeId(), triggerId: null, createdAt: context.now, events };
  const decision = { dag: run.dag, versionId: run.versionId, code: DECISION_CODES.run, reason: "by hand", inbox: null };
  for (const event of events) addEvent(event, NO_CAUSE, encodeDecisions([decision], [run], event.id), context);
  addRun(run, events, context);
  return run;
}

/** A single event is the run's own column; several are rows. Whoever owns it is told after the commit. */
export function addRun(run: NewRun, events: readonly { readonly id: number; readonly leg: number }[], context: PlanContext): void {
  const { rows, output } = context;
  const ownerId = context.ownerOfNewRun();
  const cause = events.length === 1 ? events[0]!.id : null;
  const start = [run.id, run.dag, run.versionId, DAG_RUN_STATE_CODES.queued, RUN_TYPE_CODES[run.type], cause, run.triggerId];
  rows.add("dagRuns", [...start, ownerId, run.logicalDate, run.part, run.params, run.customRunId, run.createdAt]);
  if (events.length > 1) for (const { id, leg } of events) rows.add("dagRunEvents", [run.id, id, leg]);
  if (ownerId === context.processId) output.runs.push(run);
  else output.handedOver.push({ ownerId, dag: run.dag, triggerId: run.triggerId, runId: run.id });
}

function newDirectRun({ dag, versionId }: PendingDecision, event: RunEvent, context: PlanContext): NewRun {
  const { triggerId, createdAt } = event;
  return { id: context.takeId(), dag, versionId, triggerId, createdAt, events: [event], ...FIELDS_OF_DIRECT_RUN };
}

function addInboxRow(event: StoredEvent, { dag, versionId, inbox }: PendingDecision, context: PlanContext): void {
  if (inbox === null) return;
  const rowId = context.takeId();
  context.rows.add("inboxRows", [rowId, inbox.shard, dag, event.id, 0, event.createdAt]);
  const { id: eventId, triggerId, data } = event;
  const fields = { rowId, eventId, replayId: 0, assetId: data.assetId, triggerId, bytes: data.payload.byteLength };
  context.output.inbox.push({ ...fields, slots: inbox.slots, taken: [], dag, shard: inbox.shard, versionId });
}

function addEvent({ id, createdAt, data }: StoredEvent, cause: EventCause, decisions: Uint8Array, { rows }: PlanContext): void {
  const position = cause.entry?.position;
  rows.add("assetEvents", [
    id,
    data.assetId,
    cause.triggerId,
    cause.sourceId,
    position?.partition ?? null,
    position?.offset ?? null,
    cause.entry?.messageId ?? null,
    cause.runId,
    cause.outlet?.taskIndex ?? null,
    cause.outlet?.mapIndex ?? null,
    data.payload,
    data.messageKey,
    data.headers,
    data.extra,
    data.partitionKey,
    data.sentAt,
    createdAt,
    decisions,
  ]);
}

function encodeDecisions(decisions: readonly PendingDecision[], runs: readonly NewRun[], eventId: number): Uint8Array {
  if (decisions.length === 0) return NO_SUBSCRIBER;
  const base = firstIdOf(commitNumberOf(eventId));
  const stored = decisions.map(({ dag, versionId, code, reason }): StoredDecision => {
    const run = code === DECISION_CODES.run ? runs.find((candidate) => candidate.dag === dag) : undefined;
    const ordinal = run === undefined ? null : run.id - base;
    return reason === null ? [versionId, code, ordinal] : [versionId, code, ordinal, reason];
  });
  return Buffer.from(JSON.stringify(stored));
}
