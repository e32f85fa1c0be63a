import type { PurgeReceipt, PurgeStep } from "../../domain/retention.ts";
import { ACTIVE_LIMIT } from "../../domain/states.ts";
import { all, type Script } from "../sql-script.ts";
import { deleteKeys, findKeys, idAfter, type PurgePace, STEP_ROWS, type TablePurge, walkRows, type WalkedRow } from "./table-purge.ts";

type Row = WalkedRow & { readonly state: number; readonly ended_at: number | null };

const PENDING = `SELECT DISTINCT run_id AS key FROM outbox_message WHERE state < ${ACTIVE_LIMIT} AND run_id IN`;
const OF_RUN = ["task_instance", "task_try", "xcom", "task_log", "dag_run_event", "outbox_message"];

/** Runs of one DAG that ended, with all that is theirs. One that is active stays, as does one with a message that is still to be sent. */
export class RunPurge implements TablePurge {
  readonly #pace: PurgePace;
  readonly #select: string;

  /** `byDag` leads SQLite to the index of a DAG's runs. */
  constructor(pace: PurgePace, byDag: string) {
    this.#pace = pace;
    this.#select = `SELECT id, created_at AS at, state, ended_at FROM dag_run ${byDag} WHERE dag = ? AND id > ? ORDER BY id LIMIT ?`;
  }

  *step(step: PurgeStep): Script<PurgeReceipt> {
    const rows = yield* all<Row>(this.#select, step.dag, idAfter(step), STEP_ROWS);
    return yield* walkRows(rows, step, this.#pace, (chunk) => this.#take(chunk, step));
  }

  *#take(rows: readonly Row[], { before, isDryRun }: PurgeStep): Script<number> {
    const ended = rows.filter(({ state, ended_at: endedAt }) => state >= ACTIVE_LIMIT && (endedAt ?? 0) < before).map(({ id }) => id);
    const pending = yield* findKeys(PENDING, ended, this.#pace);
    const gone = ended.filter((id) => !pending.has(id));
    if (isDryRun) return gone.length;
    for (const table of OF_RUN) yield* deleteKeys([table, "run_id"], gone, this.#pace);
    yield* deleteKeys(["dag_run", "id"], gone, this.#pace);
    return gone.length;
  }
}
