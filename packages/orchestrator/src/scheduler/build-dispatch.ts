import { join } from "node:path";
import type { DagVersion } from "../domain/definitions.ts";
import type { TaskDispatch } from "../domain/executor.ts";
import { formatDagRunId } from "../domain/ids.ts";
import type { ActiveRun } from "../domain/run.ts";
import type { TaskPlace, WireEvent } from "../domain/worker-frames.ts";

/** The frame that hands one try to a worker, and what the executor needs to know of it. */
export function buildDispatch(run: ActiveRun, index: number, bundlesFolder: string): TaskDispatch {
  const task = run.tasks[index]!;
  const spec = run.version.snapshot.tasks[index]!;
  const ref = { runId: run.id, taskIndex: index, mapIndex: -1, try: task.try, fence: task.fence! };
  const tail: Uint8Array[] = [];
  const events = buildEvents(run, tail);
  const needs = spec.needs.map(({ name, task: upstream }) => {
    const { value } = run.tasks[upstream]!;
    if (value !== null) tail.push(value);
    return [name, value?.byteLength ?? -1] as const;
  });
  if (run.params !== null) tail.push(run.params);
  const header = {
    type: "dispatch",
    ref,
    run: { dagRunId: dagRunIdOf(run), type: run.type, logicalDate: run.logicalDate },
    part: run.part,
    events,
    needs,
    paramsBytes: run.params?.byteLength ?? -1,
  } as const;
  return {
    ref,
    place: placeOf(run.version, index, bundlesFolder),
    header,
    tail,
    isolation: task.isIsolated ? "process" : spec.isolation,
    timeoutMs: spec.timeoutMs,
  };
}

const places = new WeakMap<DagVersion, TaskPlace[]>();

function placeOf(version: DagVersion, index: number, bundlesFolder: string): TaskPlace {
  let known = places.get(version);
  if (known === undefined) {
    const { bundleHash, sourcePath: source, dagId, snapshot } = version;
    const bundle = join(bundlesFolder, `${bundleHash}.mjs`);
    known = snapshot.tasks.map(({ id: taskId }) => ({ bundle, source, dagId, taskId }));
    places.set(version, known);
  }
  return known[index]!;
}

function dagRunIdOf({ customRunId, type, createdAt, id }: ActiveRun): string {
  return customRunId ?? formatDagRunId(type, createdAt, id);
}

function buildEvents(run: ActiveRun, tail: Uint8Array[]): readonly WireEvent[] {
  return run.events.map(({ id, createdAt, triggerId, leg, data }) => {
    const { assetName, payload, messageKey, headers, extra, partitionKey } = data;
    tail.push(payload);
    if (messageKey !== null) tail.push(messageKey);
    return {
      id,
      asset: assetName,
      at: createdAt,
      ...(leg > 0 && { leg }),
      isFromTrigger: triggerId !== null,
      partitionKey,
      extra: (parse(extra) ?? {}) as Readonly<Record<string, unknown>>,
      headers: (parse(headers) ?? []) as readonly (readonly [string, string])[],
      payloadBytes: payload.byteLength,
      keyBytes: messageKey?.byteLength ?? -1,
    };
  });
}

function parse(json: Uint8Array | null): unknown {
  return json === null ? null : JSON.parse(Buffer.from(json).toString("utf8"));
}
