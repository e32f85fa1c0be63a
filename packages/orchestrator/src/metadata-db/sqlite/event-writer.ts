import type { Database, Statement } from "better-sqlite3";
import type { NewRun, OutletEventWrite, RunCreation, RunEvent, StoredEvent } from "../../domain/committer.ts";
import { DECISION_CODES, type StoredDecision } from "../../domain/decision.ts";
import { commitNumberOf, firstIdOf } from "../../domain/ids.ts";
import type { IngestEntry, NewAssetEvent, PendingDecision } from "../../domain/ingest-unit.ts";
import { DAG_RUN_STATE_CODES, RUN_TYPE_CODES } from "../../domain/states.ts";
import type { CommitOutput } from "../committer.ts";
import type { IdAllocator } from "./id-allocator.ts";

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

/** Asset events with their decisions, the runs these start, and the inbox rows of DAGs that take them later. */
export class EventWriter {
  readonly #ids: IdAllocator;
  readonly #ownerId: number;
  readonly #insertEvent: Statement;
  readonly #insertRun: Statement;
  readonly #insertRunEvent: Statement;
  readonly #insertInbox: Statement;
  readonly #findCustomRun: Statement;

  constructor(db: Database, ids: IdAllocator, ownerId: number) {
    this.#ids = ids;
    this.#ownerId = ownerId;
    this.#insertEvent = db.prepare(`INSERT INTO asset_event
      (id, asset_id, trigger_id, source_id, partition, message_offset, message_id, run_id, task_index, map_index,
       payload, message_key, headers, extra, partition_key, sent_at, created_at, decisions)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#insertRun = db.prepare(`INSERT INTO dag_run
      (id, dag, version_id, state, run_type, event_id, trigger_id, owner_id, logical_date, part, params, custom_run_id, created_at)
      VALUES (?, ?, ?, ${DAG_RUN_STATE_CODES.queued}, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#insertRunEvent = db.prepare("INSERT INTO dag_run_event (run_id, event_id, leg) VALUES (?, ?, ?)");
    this.#insertInbox = db.prepare("INSERT INTO pattern_event (id, shard, dag, event_id, created_at) VALUES (?, ?, ?, ?, ?)");
    this.#findCustomRun = db.prepare("SELECT id FROM dag_run WHERE dag = ? AND custom_run_id = ?");
  }

  writeEvent(event: NewAssetEvent, cause: EventCause, now: number, output: CommitOutput): StoredEvent {
    const stored: StoredEvent = { id: this.#ids.take(), createdAt: now, triggerId: cause.triggerId, data: event };
    const runs = event.decisions
      .filter(({ code }) => code === DECISION_CODES.run)
      .map((decision) => this.#newRun(decision, { ...stored, leg: 0 }));
    this.#storeEvent(stored, cause, encodeDecisions(event.decisions, runs, stored.id));
    for (const run of runs) this.storeRun(run, [{ id: stored.id, leg: 0 }]);
    output.runs.push(...runs);
    for (const decision of event.decisions) if (decision.inbox !== null) this.#storeInbox(stored, decision, output);
    return stored;
  }

  /** A run by hand; its events are for it alone. */
  createRun(creation: RunCreation, now: number): NewRun {
    const events = creation.events.map(({ event, leg }): RunEvent => ({
      id: this.#ids.take(),
      createdAt: now,
      triggerId: null,
      data: event,
      leg,
    }));
    const run: NewRun = { ...creation, id: this.#ids.take(), triggerId: null, createdAt: now, events };
    const decision = { dag: run.dag, versionId: run.versionId, code: DECISION_CODES.run, reason: "by hand", inbox: null };
    for (const event of events) this.#storeEvent(event, NO_CAUSE, encodeDecisions([decision], [run], event.id));
    this.storeRun(run, events);
    return run;
  }

  /** A single event is the run's own column; several are rows. */
  storeRun(run: Omit<NewRun, "events">, events: readonly { readonly id: number; readonly leg: number }[]): void {
    const cause = events.length === 1 ? events[0]!.id : null;
    const fields = [run.triggerId, this.#ownerId, run.logicalDate, run.part, run.params, run.customRunId, run.createdAt];
    this.#insertRun.run(run.id, run.dag, run.versionId, RUN_TYPE_CODES[run.type], cause, ...fields);
    if (events.length > 1) for (const { id, leg } of events) this.#insertRunEvent.run(run.id, id, leg);
  }

  hasRun(dag: number, customRunId: string): boolean {
    return this.#findCustomRun.get(dag, customRunId) !== undefined;
  }

  #newRun({ dag, versionId }: PendingDecision, event: RunEvent): NewRun {
    const { triggerId, createdAt } = event;
    return { id: this.#ids.take(), dag, versionId, triggerId, createdAt, events: [event], ...FIELDS_OF_DIRECT_RUN };
  }

  #storeInbox(event: StoredEvent, { dag, versionId, inbox }: PendingDecision, output: CommitOutput): void {
    if (inbox === null) return;
    const rowId = this.#ids.take();
    this.#insertInbox.run(rowId, inbox.shard, dag, event.id, event.createdAt);
    const { id: eventId, triggerId, data } = event;
    const fields = { rowId, eventId, assetId: data.assetId, triggerId, bytes: data.payload.byteLength };
    output.inbox.push({ ...fields, slots: inbox.slots, taken: [], dag, versionId });
  }

  #storeEvent({ id, createdAt, data }: StoredEvent, cause: EventCause, decisions: Uint8Array): void {
    const position = cause.entry?.position;
    this.#insertEvent.run(
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
    );
  }
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
