import type { PurgeReceipt, PurgeStep } from "../../domain/retention.ts";
import { ACTIVE_LIMIT } from "../../domain/states.ts";
import { all, type Script } from "../sql-script.ts";
import { deleteKeys, findKeys, idAfter, type PurgePace, STEP_ROWS, type TablePurge, walkRows, type WalkedRow } from "./table-purge.ts";

const SELECT = "SELECT id, created_at AS at FROM asset_event WHERE id > ? ORDER BY id LIMIT ?";
const WAITING = "SELECT DISTINCT event_id AS key FROM pattern_event WHERE event_id IN";
const DECIDED = "SELECT DISTINCT event_id AS key FROM event_decision WHERE at >= ? AND event_id IN";

/**
 * Asset events with their decisions. One that waits in an inbox stays, as does one that was decided lately, and one that an
 * active run was started with.
 */
export class EventPurge implements TablePurge {
  readonly #pace: PurgePace;
  readonly #activeSql: string;
  #ofActiveRuns: ReadonlySet<number> = new Set();

  /** `ofActive` leads SQLite to the index of active runs. */
  constructor(pace: PurgePace, ofActive: string) {
    this.#pace = pace;
    this.#activeSql = `SELECT coalesce(r.event_id, e.event_id) AS id FROM dag_run r ${ofActive} LEFT JOIN dag_run_event e ON e.run_id = r.id
      WHERE r.state < ${ACTIVE_LIMIT} AND r.dag = ? AND r.created_at < ?`;
  }

  *step(step: PurgeStep): Script<PurgeReceipt> {
    if (step.after === null) this.#ofActiveRuns = yield* this.#readActive(step.before);
    const rows = yield* all<WalkedRow>(SELECT, idAfter(step), STEP_ROWS);
    return yield* walkRows(rows, step, this.#pace, (chunk) => this.#take(chunk, step));
  }

  *#take(rows: readonly WalkedRow[], { before, isDryRun }: PurgeStep): Script<number> {
    const ids = rows.map(({ id }) => id).filter((id) => !this.#ofActiveRuns.has(id));
    const waiting = yield* findKeys(WAITING, ids, this.#pace);
    const decided = yield* findKeys(DECIDED, ids, this.#pace, before);
    const gone = ids.filter((id) => !waiting.has(id) && !decided.has(id));
    if (isDryRun) return gone.length;
    yield* deleteKeys(["event_decision", "event_id"], gone, this.#pace);
    yield* deleteKeys(["asset_event", "id"], gone, this.#pace);
    return gone.length;
  }

  /** Of the runs that are as old as what goes: a younger one's event was made, or decided, with it. */
  *#readActive(before: number): Script<ReadonlySet<number>> {
    const events = new Set<number>();
    for (const dag of yield* all<{ id: number }>("SELECT id FROM dag")) {
      for (const { id } of yield* all<{ id: number }>(this.#activeSql, dag.id, before)) events.add(id);
    }
    return events;
  }
}
