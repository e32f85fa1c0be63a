import type { Database, Statement } from "better-sqlite3";
import type { FoldWrites, NewRun } from "../../domain/committer.ts";
import { DECISION_CODES, type DecisionCode } from "../../domain/decision.ts";
import type { FoldedRun } from "../../domain/pattern-fold.ts";
import type { TimePartState } from "../../domain/time-pattern.ts";
import type { CommitOutput } from "../committer.ts";
import type { EventWriter } from "./event-writer.ts";
import type { IdAllocator } from "./id-allocator.ts";

/** What the inbox of a DAG came to: its runs, the decisions of their events, and the rows that go. */
export class FoldWriter {
  readonly #ids: IdAllocator;
  readonly #events: EventWriter;
  readonly #deleteRow: Statement;
  readonly #keepRow: Statement;
  readonly #putDecision: Statement;
  readonly #putState: Statement;

  constructor(db: Database, ids: IdAllocator, events: EventWriter) {
    this.#ids = ids;
    this.#events = events;
    this.#deleteRow = db.prepare("DELETE FROM pattern_event WHERE id = ?");
    this.#keepRow = db.prepare("UPDATE pattern_event SET taken = ? WHERE id = ?");
    this.#putDecision = db.prepare(`INSERT INTO event_decision (event_id, dag, code, run_id, reason, at) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET code = excluded.code, run_id = excluded.run_id, reason = excluded.reason, at = excluded.at`);
    this.#putState = db.prepare(`INSERT INTO pattern_state (dag, key, state, due_at) VALUES (?, ?, ?, NULL)
      ON CONFLICT DO UPDATE SET state = excluded.state`);
  }

  write(writes: FoldWrites, now: number, output: CommitOutput): void {
    const { dag, rejected, scheduled, timeParts } = writes;
    for (const run of writes.runs) output.runs.push(this.#startRun(writes, run, now));
    for (const { event, code, reason } of rejected) {
      this.#deleteRow.run(event.rowId);
      // One that has started a run keeps that as its decision.
      if (event.taken.length === 0) this.#decide(event.eventId, dag, code, null, reason, now);
    }
    for (const { part, logicalDate } of scheduled) {
      const run = this.#newRun(writes, { type: "scheduled", part, logicalDate, triggerId: null }, now);
      this.#events.storeRun(run, []);
      output.runs.push({ ...run, events: [] });
    }
    for (const { part, state } of timeParts) this.#storeState(dag, part, state);
  }

  #startRun(writes: FoldWrites, { part, events, decided, kept }: FoldedRun, now: number): NewRun {
    const triggerId = events.length === 1 ? events[0]!.event.triggerId : null;
    const run = this.#newRun(writes, { type: "asset_triggered", part, logicalDate: null, triggerId }, now);
    this.#events.storeRun(
      run,
      events.map(({ event, leg }) => ({ id: event.eventId, leg })),
    );
    for (const { event } of events) this.#decide(event.eventId, writes.dag, DECISION_CODES.run, run.id, null, now);
    for (const { rowId } of decided) this.#deleteRow.run(rowId);
    for (const { rowId, taken } of kept) this.#keepRow.run(JSON.stringify(taken), rowId);
    return { ...run, events: null };
  }

  #newRun(
    { dag, versionId }: FoldWrites,
    fields: Pick<NewRun, "type" | "part" | "logicalDate" | "triggerId">,
    createdAt: number,
  ): Omit<NewRun, "events"> {
    return { id: this.#ids.take(), dag, versionId, params: null, customRunId: null, createdAt, ...fields };
  }

  #decide(eventId: number, dag: number, code: DecisionCode, runId: number | null, reason: string | null, now: number): void {
    this.#putDecision.run(eventId, dag, code, runId, reason, now);
  }

  #storeState(dag: number, part: string, state: TimePartState): void {
    this.#putState.run(dag, timeKey(part), Buffer.from(JSON.stringify(state)));
  }
}

/** The key of a part that runs by time, in `pattern_state`. */
export function timeKey(part: string): string {
  return `time:${part}`;
}
