import { all, execute, type Script } from "../../sql-script.ts";

export const SHARDS = 64;

interface Lease {
  readonly id: number;
  readonly epoch: number;
}

const IS_LIVE = "EXISTS (SELECT 1 FROM process p WHERE p.id = l.owner_id AND p.state = 'live')";

/** The shards that a process holds. */
export function* heldShards(processId: number): Script<readonly Lease[]> {
  return yield* all<Lease>("SELECT id, epoch FROM shard WHERE owner_id = ?", processId);
}

/** Takes shards that nobody live holds, at most so many; each time under a new epoch. */
export function* takeShards(processId: number, count: number): Script<readonly Lease[]> {
  return yield* all<Lease>(
    `UPDATE shard SET owner_id = ?, epoch = epoch + 1 WHERE id IN
       (SELECT l.id FROM shard l WHERE NOT ${IS_LIVE} ORDER BY l.id LIMIT ? FOR UPDATE SKIP LOCKED)
     RETURNING id, epoch`,
    processId,
    count,
  );
}

export function* releaseShards(processId: number, shards: readonly number[]): Script<void> {
  for (const shard of shards) yield* execute("UPDATE shard SET owner_id = NULL WHERE id = ? AND owner_id = ?", shard, processId);
}

/** Who holds each shard; those that nobody holds are left out. */
export function* shardHolders(): Script<ReadonlyMap<number, number>> {
  const rows = yield* all<{ id: number; owner_id: number }>("SELECT id, owner_id FROM shard WHERE owner_id IS NOT NULL");
  return new Map(rows.map((row) => [row.id, row.owner_id]));
}

export function* heldTriggers(processId: number): Script<readonly Lease[]> {
  return yield* all<Lease>("SELECT trigger_id AS id, epoch FROM trigger_lease WHERE owner_id = ?", processId);
}

/** Of these triggers, those that nobody live has; at most so many. */
export function* takeTriggers(processId: number, wanted: readonly number[], count: number): Script<void> {
  let left = count;
  for (const id of wanted) {
    if (left <= 0) return;
    const taken = yield* all(
      `INSERT INTO trigger_lease AS l (trigger_id, owner_id, epoch) VALUES (?, ?, 1)
       ON CONFLICT (trigger_id) DO UPDATE SET owner_id = excluded.owner_id, epoch = l.epoch + 1 WHERE NOT ${IS_LIVE} RETURNING trigger_id`,
      id,
      processId,
    );
    left -= taken.length;
  }
}

export function* releaseTriggers(processId: number, triggers: readonly number[]): Script<void> {
  for (const id of triggers) {
    yield* execute("UPDATE trigger_lease SET owner_id = NULL WHERE trigger_id = ? AND owner_id = ?", id, processId);
  }
}
