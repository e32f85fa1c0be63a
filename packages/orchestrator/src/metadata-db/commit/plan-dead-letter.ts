import type { DeadLetterReceipt, DeadLetterReplay } from "../../domain/dead-letter.ts";
import type { PlanContext } from "./plan-context.ts";
import { planEvent } from "./plan-event.ts";

/** Its events instead of the letter; or the letter with its new reason. */
export function planReplay({ id, triggerId, entry }: DeadLetterReplay, context: PlanContext): DeadLetterReceipt {
  const { rows, lookups, output } = context;
  if (!lookups.hasDeadLetter(id)) return { isGone: true, runs: 0 };
  const [still] = entry.deadLetters;
  if (still !== undefined) {
    rows.put("deadLettersKept", String(id), [still.reasonCode, still.reason, id]);
    return { isGone: false, runs: 0 };
  }
  rows.put("deadLettersRemoved", String(id), [id]);
  const before = output.runs.length + output.handedOver.length;
  const sourceId = entry.source === "" ? null : lookups.sourceId(entry.source);
  for (const event of entry.events) planEvent(event, { triggerId, sourceId, entry, runId: null, outlet: null }, context);
  return { isGone: false, runs: output.runs.length + output.handedOver.length - before };
}

/** How many there were. */
export function planDiscard(ids: readonly number[], { rows, lookups }: PlanContext): number {
  const found = ids.filter((id) => lookups.hasDeadLetter(id));
  for (const id of found) rows.put("deadLettersRemoved", String(id), [id]);
  return found.length;
}
