import type { Committer } from "../domain/committer.ts";
import type { AssetEntry, DagEntry, Definitions } from "../domain/definitions.ts";
import type { CreateDagRunRequest, CreatedDagRun } from "../domain/engine-control.ts";
import { didYouMean } from "../domain/did-you-mean.ts";
import { MillraceError } from "../domain/errors.ts";
import { formatDagRunId } from "../domain/ids.ts";
import { prepareEvent } from "../domain/ingest.ts";
import type { NewAssetEvent } from "../domain/ingest-unit.ts";
import { checkWithDefaults } from "../domain/json-schema.ts";

/** A run by hand. @throws {MillraceError} DAG_NOT_FOUND, DAG_RUN_EXISTS, BAD_PARAMS, BAD_PAYLOAD, EVENT_NEEDED */
export async function createDagRun(request: CreateDagRunRequest, definitions: Definitions, committer: Committer): Promise<CreatedDagRun> {
  const dag = definitions.dags.get(request.dagId);
  if (dag === undefined)
    throw new MillraceError("DAG_NOT_FOUND", `no DAG '${request.dagId}' is loaded`, didYouMean(request.dagId, definitions.dags.keys()));
  const run = await committer.create({
    dag: dag.id,
    versionId: dag.version.id,
    type: "manual",
    logicalDate: request.logicalDate,
    params: checkParams(dag, request.params),
    customRunId: request.customRunId,
    event: checkEvent(dag, request, definitions),
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

/** A run has what its type says: the tasks of an event DAG get an event, however the run was started. */
function checkEvent(dag: DagEntry, request: CreateDagRunRequest, definitions: Definitions): NewAssetEvent | null {
  const { schedule } = dag.version.snapshot;
  if (schedule.kind === "none") {
    if (request.payload === undefined) return null;
    throw new MillraceError("BAD_REQUEST", `DAG '${dag.dagId}' is not scheduled on an asset, so its runs have no event`, {
      hint: "leave the payload out",
    });
  }
  if (request.payload === undefined) {
    throw new MillraceError("EVENT_NEEDED", `DAG '${dag.dagId}' is scheduled on asset '${schedule.asset}': its runs start with an event`);
  }
  return eventFor(definitions.assets.get(schedule.asset), schedule.asset, request.payload);
}

function eventFor(asset: AssetEntry | undefined, name: string, payload: unknown): NewAssetEvent {
  if (asset === undefined) throw new MillraceError("ASSET_NOT_FOUND", `asset '${name}' is not loaded`);
  const bytes = Buffer.from(JSON.stringify(payload));
  const problem = asset.check?.(payload) ?? null;
  if (problem !== null) throw new MillraceError("BAD_PAYLOAD", `payload of asset '${name}': ${problem}`);
  return prepareEvent(asset, bytes, null, null);
}
