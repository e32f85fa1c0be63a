import type { Database, Statement } from "better-sqlite3";
import type { NewRun, OutletEventWrite, RunCreation } from "../../domain/committer.ts";
import { DECISION_CODES, type StoredDecision } from "../../domain/decision.ts";
import { commitNumberOf, firstIdOf } from "../../domain/ids.ts";
import type { IngestEntry, NewAssetEvent, PendingDecision } from "../../domain/ingest-unit.ts";
import { DAG_RUN_STATE_CODES, RUN_TYPE_CODES } from "../../domain/states.ts";
import type { IdAllocator } from "./id-allocator.ts";

/** What brought an event: a message, or a task. */
export interface EventCause {
  readonly triggerId: number | null;
  readonly sourceId: number | null;
  readonly entry: IngestEntry | null;
  readonly runId: number | null;
  readonly outlet: OutletEventWrite | null;
}

const NO_SUBSCRIBER = Buffer.from(JSON.stringify([[0, DECISION_CODES.no_subscriber, null]]));

/** Asset events with their decisions, and the runs these start. */
export class EventWriter {
  readonly #ids: IdAllocator;
  readonly #ownerId: number;
  readonly #insertEvent: Statement;
  readonly #insertRun: Statement;
  readonly #findCustomRun: Statement;

  constructor(db: Database, ids: IdAllocator, ownerId: number) {
    this.#ids = ids;
    this.#ownerId = ownerId;
    this.#insertEvent = db.prepare(`INSERT INTO asset_event
      (id, asset_id, trigger_id, source_id, partition, message_offset, message_id, run_id, task_index, map_index,
       payload, message_key, headers, extra, partition_key, sent_at, created_at, decisions)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#insertRun = db.prepare(`INSERT INTO dag_run
      (id, dag, version_id, state, run_type, event_id, trigger_id, owner_id, logical_date, params, custom_run_id, created_at)
      VALUES (?, ?, ?, ${DAG_RUN_STATE_CODES.queued}, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#findCustomRun = db.prepare("SELECT id FROM dag_run WHERE dag = ? AND custom_run_id = ?");
  }

  writeEvent(event: NewAssetEvent, cause: EventCause, now: number): readonly NewRun[] {
    const eventId = this.#ids.take();
    const runs = event.decisions
      .filter(({ code }) => code === DECISION_CODES.run)
      .map((decision) => this.#newRun(decision, cause, { id: eventId, createdAt: now, data: event }, now));
    this.#store(eventId, event, cause, encodeDecisions(event.decisions, runs, eventId), now);
    for (const run of runs) this.#storeRun(run);
    return runs;
  }

  /** A run by hand; its event, where it has one, is for it alone. */
  writeRun(creation: RunCreation, now: number): NewRun {
    const { event } = creation;
    const eventId = event === null ? null : this.#ids.take();
    const run: NewRun = {
      ...creation,
      id: this.#ids.take(),
      triggerId: null,
      createdAt: now,
      event: event === null || eventId === null ? null : { id: eventId, createdAt: now, data: event },
    };
    if (event !== null && eventId !== null) {
      const decision = { dag: run.dag, versionId: run.versionId, code: DECISION_CODES.run, reason: "by hand" };
      this.#store(eventId, event, NO_CAUSE, encodeDecisions([decision], [run], eventId), now);
    }
    this.#storeRun(run);
    return run;
  }

  hasRun(dag: number, customRunId: string): boolean {
    return this.#findCustomRun.get(dag, customRunId) !== undefined;
  }

  #newRun(decision: PendingDecision, cause: EventCause, event: NewRun["event"], now: number): NewRun {
    return {
      id: this.#ids.take(),
      dag: decision.dag,
      versionId: decision.versionId,
      type: "asset_triggered",
      triggerId: cause.triggerId,
      logicalDate: null,
      params: null,
      customRunId: null,
      createdAt: now,
      event,
    };
  }

  #store(id: number, event: NewAssetEvent, cause: EventCause, decisions: Uint8Array, now: number): void {
    const position = cause.entry?.position;
    this.#insertEvent.run(
      id,
      event.assetId,
      cause.triggerId,
      cause.sourceId,
      position?.partition ?? null,
      position?.offset ?? null,
      cause.entry?.messageId ?? null,
      cause.runId,
      cause.outlet?.taskIndex ?? null,
      cause.outlet?.mapIndex ?? null,
      event.payload,
      event.messageKey,
      event.headers,
      event.extra,
      event.partitionKey,
      event.sentAt,
      now,
      decisions,
    );
  }

  #storeRun(run: NewRun): void {
    const type = RUN_TYPE_CODES[run.type];
    this.#insertRun.run(
      run.id,
      run.dag,
      run.versionId,
      type,
      run.event?.id ?? null,
      run.triggerId,
      this.#ownerId,
      run.logicalDate,
      run.params,
      run.customRunId,
      run.createdAt,
    );
  }
}

const NO_CAUSE: EventCause = { triggerId: null, sourceId: null, entry: null, runId: null, outlet: null };

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
