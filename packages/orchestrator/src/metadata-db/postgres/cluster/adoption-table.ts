import type { AdoptedRuns } from "../../../domain/cluster.ts";
import type { OutboxMessageTable } from "../../../domain/tables.ts";
import { all, type Script } from "../../sql-script.ts";

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

/** Several processes share them: what another is about to take is left to it. */
export function* adoptRuns(processId: number, deadId: number): Script<{ readonly count: number; readonly runs: readonly AdoptedRuns[] }> {
  const rows = yield* all<{ id: number; dag: number }>(
    `UPDATE dag_run SET owner_id = ?, is_adopted = 1 WHERE id IN
       (SELECT id FROM dag_run WHERE owner_id = ? AND state < 10 ORDER BY id LIMIT ${ADOPTION_PAGE} FOR UPDATE SKIP LOCKED)
     RETURNING id, dag`,
    processId,
    deadId,
  );
  const byDag = Map.groupBy(rows, ({ dag }) => dag);
  return { count: rows.length, runs: [...byDag].map(([dag, runs]) => ({ dag, fromRun: Math.min(...runs.map(({ id }) => id)) })) };
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
