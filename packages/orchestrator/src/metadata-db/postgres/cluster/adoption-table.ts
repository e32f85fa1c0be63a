import type { RunNotice } from "../../../domain/cluster.ts";
import { DAG_RUN_STATE_CODES } from "../../../domain/states.ts";
import type { DagRunTable, OutboxMessageTable } from "../../../domain/tables.ts";
import { all, type Script } from "../../sql-script.ts";
import { mergeRuns } from "./merge-wakes.ts";

/** Rows that one step takes over. */
export const ADOPTION_PAGE = 500;

/** Dead processes that still own unfinished runs, or messages to publish. */
export function* deadOwners(): Script<readonly number[]> {
  const rows = yield* all<{ id: number }>(
    `SELECT p.id FROM process p WHERE p.state = 'dead' AND
       (EXISTS (SELECT 1 FROM dag_run r WHERE r.owner_id = p.id AND r.state < 10)
        OR EXISTS (SELECT 1 FROM outbox_message m WHERE m.owner_id = p.id AND m.state < 10)) ORDER BY p.id`,
  );
  return rows.map(({ id }) => id);
}

export interface AdoptedRuns {
  readonly count: number;
  readonly runs: readonly RunNotice[];
}

/** Several processes share them: what another is about to take is left to it. */
export function* adoptRuns(processId: number, deadId: number): Script<AdoptedRuns> {
  const rows = yield* all<Pick<DagRunTable, "id" | "dag" | "state" | "trigger_id">>(
    `UPDATE dag_run SET owner_id = ?, is_adopted = 1 WHERE id IN
       (SELECT id FROM dag_run WHERE owner_id = ? AND state < 10 ORDER BY id LIMIT ${ADOPTION_PAGE} FOR UPDATE SKIP LOCKED)
     RETURNING id, dag, state, trigger_id`,
    processId,
    deadId,
  );
  // Only what was never started counts against its trigger's backlog.
  const notices = rows.map(({ id, dag, state, trigger_id: triggerId }) => {
    const isUnstarted = state === DAG_RUN_STATE_CODES.queued;
    return { dag, triggerId: isUnstarted ? triggerId : null, count: 1, fromRun: id };
  });
  return { count: rows.length, runs: mergeRuns(notices) };
}

/** In order of id. */
export function* adoptMessages(processId: number, deadId: number): Script<readonly OutboxMessageTable[]> {
  const rows = yield* all<OutboxMessageTable>(
    `UPDATE outbox_message SET owner_id = ? WHERE id IN
       (SELECT id FROM outbox_message WHERE owner_id = ? AND state < 10 ORDER BY id LIMIT ${ADOPTION_PAGE} FOR UPDATE SKIP LOCKED)
     RETURNING *`,
    processId,
    deadId,
  );
  return rows.toSorted((a, b) => a.id - b.id);
}

/** Of these messages, those that a process has to publish, in order of id. */
export function* ownedMessages(processId: number, ids: readonly number[]): Script<readonly OutboxMessageTable[]> {
  const list = ids.map(() => "?").join(", ");
  const sql = `SELECT * FROM outbox_message WHERE owner_id = ? AND state < 10 AND id IN (${list}) ORDER BY id`;
  return yield* all<OutboxMessageTable>(sql, processId, ...ids);
}
