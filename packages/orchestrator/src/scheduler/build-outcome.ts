import type { OutletEventWrite } from "../domain/committer.ts";
import type { Definitions } from "../domain/definitions.ts";
import type { OutletEvent, TryResult } from "../domain/executor.ts";
import { prepareEvent } from "../domain/ingest.ts";
import type { TaskOutcome } from "../domain/task-outcome.ts";
import type { TryRef } from "../domain/worker-frames.ts";

/** A worker's report with its outlet events decided; one that its asset refuses fails the try for good. */
export function outcomeOf(ref: TryRef, result: TryResult, definitions: Definitions): TaskOutcome {
  const { taskIndex, mapIndex, try: number } = ref;
  const logs = result.log === null ? [] : [{ taskIndex, mapIndex, try: number, ...result.log }];
  const outbox = result.outbox.map((message) => ({ taskIndex, mapIndex, ...message }));
  try {
    const outletEvents = result.outletEvents.flatMap((event) => prepareOutlet(ref, event, definitions));
    return { ...result, logs, outbox, outletEvents };
  } catch (error) {
    const { name, message } = error as Error;
    return {
      ...result,
      outcome: "failed",
      value: null,
      error: { name, message, stack: "" },
      isPermanent: true,
      logs,
      outbox: [],
      outletEvents: [],
    };
  }
}

function prepareOutlet({ taskIndex, mapIndex }: TryRef, event: OutletEvent, definitions: Definitions): readonly OutletEventWrite[] {
  const asset = definitions.assets.get(event.asset);
  // Its file is gone since this run began: nobody waits for it.
  if (asset === undefined) return [];
  const extra = Object.keys(event.extra).length === 0 ? null : Buffer.from(JSON.stringify(event.extra));
  return [{ taskIndex, mapIndex, event: prepareEvent(asset, event.payload, extra, event.partitionKey) }];
}
