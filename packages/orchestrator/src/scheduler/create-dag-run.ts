import type { Committer, RunCreation } from "../domain/committer.ts";
import type { DagEntry, Definitions } from "../domain/definitions.ts";
import { didYouMean } from "../domain/did-you-mean.ts";
import type { CreateDagRunRequest, CreatedDagRun } from "../domain/engine-control.ts";
import { MillraceError } from "../domain/errors.ts";
import { formatDagRunId } from "../domain/ids.ts";
import { checkWithDefaults } from "../domain/json-schema.ts";
import type { PatternPart } from "../domain/pattern-parts.ts";
import { checkedEvent } from "./create-asset-event.ts";
import { partOfRun, payloadsOfRun } from "./payloads-of-run.ts";

/** A run by hand. @throws {MillraceError} DAG_NOT_FOUND, DAG_RUN_EXISTS, BAD_PARAMS, BAD_PAYLOAD, EVENT_NEEDED */
export async function createDagRun(request: CreateDagRunRequest, definitions: Definitions, committer: Committer): Promise<CreatedDagRun> {
  const dag = definitions.dags.get(request.dagId);
  if (dag === undefined)
    throw new MillraceError("DAG_NOT_FOUND", `no DAG '${request.dagId}' is loaded`, didYouMean(request.dagId, definitions.dags.keys()));
  const part = partOfRun(dag, request.payload);
  const run = await committer.create({
    dag: dag.id,
    versionId: dag.version.id,
    type: "manual",
    logicalDate: request.logicalDate,
    params: checkParams(dag, request.params),
    customRunId: request.customRunId,
    part: part?.path ?? "",
    events: checkEvents(dag, part, request, definitions),
  });
  return { id: run.id, dagRunId: run.customRunId ?? formatDagRunId("manual", run.createdAt, run.id) };
}

function checkParams(dag: DagEntry, given: Readonly<Record<string, unknown>>): Uint8Array | null {
  const { paramsSchema } = dag.version.snapshot;
  const params = structuredClone(given);
  const problem = paramsSchema === null ? null : checkWithDefaults(paramsSchema, params);
  if (problem !== null) throw new MillraceError("BAD_PARAMS", `params of DAG '${dag.dagId}': ${problem}`);
  return Object.keys(params).length === 0 ? null : Buffer.from(JSON.stringify(params));
}

type EventOfRun = RunCreation["events"][number];

/** A run has what its type says: the tasks of an event DAG get events, however the run was started. */
function checkEvents(dag: DagEntry, part: PatternPart | null, { payload }: CreateDagRunRequest, definitions: Definitions): EventOfRun[] {
  return payloadsOfRun(dag, part, payload).map(({ asset: name, leg, payload: own }) => {
    const asset = definitions.assets.get(name);
    if (asset === undefined) throw new MillraceError("ASSET_NOT_FOUND", `asset '${name}' is not loaded`);
    return { leg, event: checkedEvent(asset, own, null, null) };
  });
}
