import type { Database, Statement } from "better-sqlite3";
import type { OutboxWrite, RunWrites, TaskInstanceWrite } from "../../domain/committer.ts";
import type { OutboxMessage, OutboxOutcome } from "../../domain/outbox.ts";
import { OUTBOX_STATE_CODES } from "../../domain/states.ts";
import type { CommitOutput } from "../committer.ts";
import type { EventWriter } from "./event-writer.ts";
import type { IdAllocator } from "./id-allocator.ts";

/** The steps of runs: tasks, tries, logs, outlet events and outbox messages of one step commit together. */
export class RunWriter {
  readonly #ids: IdAllocator;
  readonly #events: EventWriter;
  readonly #updateRun: Statement;
  readonly #upsertTask: Statement;
  readonly #insertTry: Statement;
  readonly #insertLog: Statement;
  readonly #insertOutbox: Statement;
  readonly #updateOutbox: Statement;

  constructor(db: Database, ids: IdAllocator, events: EventWriter) {
    this.#ids = ids;
    this.#events = events;
    this.#updateRun = db.prepare("UPDATE dag_run SET state = ?, started_at = ?, ended_at = ?, rescues = ?, error = ? WHERE id = ?");
    this.#upsertTask = db.prepare(`INSERT INTO task_instance
      (run_id, task_index, map_index, state, try, queued_at, started_at, ended_at, due_at, value, error, worker_lost)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (run_id, task_index, map_index) DO UPDATE SET
        state = excluded.state, try = excluded.try, queued_at = excluded.queued_at, started_at = excluded.started_at,
        ended_at = excluded.ended_at, due_at = excluded.due_at, value = excluded.value, error = excluded.error,
        worker_lost = excluded.worker_lost`);
    this.#insertTry = db.prepare(`INSERT INTO task_try
      (run_id, task_index, map_index, try, state, started_at, ended_at, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO NOTHING`);
    this.#insertLog = db.prepare("INSERT INTO task_log (run_id, task_index, map_index, try, seq, chunk) VALUES (?, ?, ?, ?, ?, ?)");
    this.#insertOutbox = db.prepare(`INSERT INTO outbox_message
      (id, run_id, task_index, map_index, kind, connection, params, options, body, owner_id, state, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?)`);
    this.#updateOutbox = db.prepare(
      "UPDATE outbox_message SET state = ?, attempts = attempts + 1, last_error = ?, sent_at = ? WHERE id = ?",
    );
  }

  write(writes: RunWrites, now: number, output: CommitOutput): void {
    const { runId, run } = writes;
    for (const task of writes.taskInstances) this.#writeTask(runId, task);
    for (const { taskIndex, mapIndex, try: number, state, startedAt, endedAt, error } of writes.tries) {
      this.#insertTry.run(runId, taskIndex, mapIndex, number, state, startedAt, endedAt, error);
    }
    for (const { taskIndex, mapIndex, try: number, seq, chunk } of writes.logs) {
      this.#insertLog.run(runId, taskIndex, mapIndex, number, seq, chunk);
    }
    for (const outlet of writes.outletEvents) {
      this.#events.writeEvent(outlet.event, { triggerId: null, sourceId: null, entry: null, runId, outlet }, now, output);
    }
    for (const message of writes.outbox) output.outbox.push(this.#writeOutbox(runId, message, now));
    if (run !== null) this.#updateRun.run(run.state, run.startedAt, run.endedAt, run.rescues, run.error, runId);
  }

  recordOutbox(outcomes: readonly OutboxOutcome[]): void {
    for (const outcome of outcomes) {
      if (outcome.outcome === "sent") this.#updateOutbox.run(OUTBOX_STATE_CODES.sent, null, outcome.at, outcome.id);
      else {
        const state = outcome.outcome === "rejected" ? OUTBOX_STATE_CODES.rejected : OUTBOX_STATE_CODES.pending;
        this.#updateOutbox.run(state, outcome.reason, null, outcome.id);
      }
    }
  }

  #writeTask(runId: number, task: TaskInstanceWrite): void {
    const { taskIndex, mapIndex, state, try: number, queuedAt, startedAt, endedAt, dueAt, value, error, workerLost } = task;
    this.#upsertTask.run(runId, taskIndex, mapIndex, state, number, queuedAt, startedAt, endedAt, dueAt, value, error, workerLost);
  }

  #writeOutbox(runId: number, message: OutboxWrite, now: number): OutboxMessage {
    const id = this.#ids.take();
    const { kind, connection, params, options, body } = message;
    const place = [runId, message.taskIndex, message.mapIndex];
    this.#insertOutbox.run(
      id,
      ...place,
      kind,
      connection,
      Buffer.from(JSON.stringify(params)),
      Buffer.from(JSON.stringify(options)),
      body,
      now,
    );
    return { id, kind, connection, params, options, body, attempts: 0 };
  }
}
