import type { ReplayItem } from "../../domain/event-replay.ts";

/** What the plan of a commit must know of the database, as it is within its transaction. */
export interface CommitLookups {
  sourceId(source: string): number;
  /** Moves past `offset`; false where the position is beyond it already. */
  advance(source: string, partition: string, offset: number): boolean;
  /** Marks an identity as seen; false where it was before. */
  see(hash: Uint8Array, now: number): boolean;
  hasRun(dag: number, customRunId: string): boolean;
  /** False where it is gone. */
  hasDeadLetter(id: number): boolean;
  /** Stores the decision that a replay begins with; false where this replay has begun it before, or the event is gone. */
  beginReplay(replayId: number, item: Pick<ReplayItem, "eventId" | "dag" | "code">, now: number): boolean;
  /** This process still holds the lease of a shard, as it did when the work was given. */
  holdsShard(shard: number, epoch: number): boolean;
  /** The same of the lease of a trigger that only one process may have open. */
  holdsTrigger(triggerId: number, epoch: number): boolean;
}
