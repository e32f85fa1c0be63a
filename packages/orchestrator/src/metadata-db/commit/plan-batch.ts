import { MillraceError } from "../../domain/errors.ts";
import { type FoldWrites, type RunCreation, ShardLost, TriggerLeaseLost } from "../../domain/committer.ts";
import type { IngestUnit } from "../../domain/ingest-unit.ts";
import { type Work, WorkFailure } from "../committer.ts";
import type { IngestCounts } from "./ingest-counts.ts";
import type { PlanContext } from "./plan-context.ts";
import { planDiscard, planReplay } from "./plan-dead-letter.ts";
import { NO_CAUSE, planCreation, planEvent } from "./plan-event.ts";
import { planEventReplay } from "./plan-event-replay.ts";
import { planFold } from "./plan-fold.ts";
import { planIngest } from "./plan-ingest.ts";
import { planOutboxOutcomes, planRunWrites } from "./plan-run.ts";

/** Work that is no rows of a commit: the dialect's own. */
export type OwnWork = Extract<Work, { readonly kind: "purge" }>;

/** Turns a batch into the rows of one commit; gives each piece's result, in order. */
export function planBatch(
  batch: readonly Work[],
  counts: IngestCounts,
  context: PlanContext,
  writeOwn: (work: OwnWork) => unknown,
): readonly unknown[] {
  const results = batch.map((work) => planOne(work, counts, context, writeOwn));
  counts.plan(context.rows, context.processId);
  return results;
}

function planOne(work: Work, counts: IngestCounts, context: PlanContext, writeOwn: (work: OwnWork) => unknown): unknown {
  switch (work.kind) {
    case "ingest":
      return ingestUnderLease(work.unit, counts, context);
    case "write":
      return planRunWrites(work.writes, context);
    case "create":
      return createRun(work.run, context);
    case "event":
      return planEvent(work.event, NO_CAUSE, context);
    case "fold":
      return foldUnderLease(work.writes, context);
    case "outbox":
      return planOutboxOutcomes(work.outcomes, context);
    case "replay":
      return planReplay(work.replay, context);
    case "replayEvents":
      return planEventReplay(work.replay, context);
    case "discard":
      return planDiscard(work.ids, context);
    case "positions":
      return startPositions(work.source, work.starts, context);
    case "purge":
      return writeOwn(work);
  }
}

function createRun(creation: RunCreation, context: PlanContext): unknown {
  if (creation.customRunId !== null && context.lookups.hasRun(creation.dag, creation.customRunId)) return runExists(creation.customRunId);
  return planCreation(creation, context);
}

/** What a process read that has lost the trigger meanwhile is its successor's to read. */
function ingestUnderLease(unit: IngestUnit, counts: IngestCounts, context: PlanContext): unknown {
  const { triggerId, triggerEpoch } = unit;
  if (triggerEpoch === null || context.lookups.holdsTrigger(triggerId, triggerEpoch)) return planIngest(unit, counts, context);
  return new WorkFailure(new TriggerLeaseLost(`trigger ${triggerId} is open in another process`));
}

/** What a process folded that has lost the shard meanwhile is its successor's to fold. */
function foldUnderLease(writes: FoldWrites, context: PlanContext): unknown {
  if (context.lookups.holdsShard(writes.shard, writes.shardEpoch)) return planFold(writes, context);
  return new WorkFailure(new ShardLost(`shard ${writes.shard} has another holder`));
}

export function runExists(customRunId: string | null): WorkFailure {
  return new WorkFailure(new MillraceError("DAG_RUN_EXISTS", `a run with dag_run_id '${customRunId}' exists already`));
}

function startPositions(source: string, starts: ReadonlyMap<string, bigint>, { rows, lookups }: PlanContext): void {
  const id = lookups.sourceId(source);
  for (const [partition, offset] of starts) rows.put("startPositions", `${id} ${partition}`, [id, partition, Number(offset)]);
}
