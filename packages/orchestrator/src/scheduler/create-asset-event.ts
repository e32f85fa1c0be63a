import type { Committer } from "../domain/committer.ts";
import type { AssetEntry, Definitions } from "../domain/definitions.ts";
import { didYouMean } from "../domain/did-you-mean.ts";
import type { AssetRef, CreateAssetEventRequest, CreatedAssetEvent } from "../domain/engine-control.ts";
import { MillraceError } from "../domain/errors.ts";
import { prepareEvent } from "../domain/ingest.ts";
import type { NewAssetEvent } from "../domain/ingest-unit.ts";

/** An event by hand. @throws {MillraceError} ASSET_NOT_FOUND, BAD_PAYLOAD */
export async function createAssetEvent(
  request: CreateAssetEventRequest,
  definitions: Definitions,
  committer: Committer,
): Promise<CreatedAssetEvent> {
  const asset = findAsset(request.asset, definitions);
  const extra = request.extra === null ? null : Buffer.from(JSON.stringify(request.extra));
  const event = checkedEvent(asset, request.payload, extra, request.partitionKey);
  const { id, createdAt } = await committer.createEvent(event);
  return { id, assetId: asset.id, createdAt };
}

function findAsset(ref: AssetRef, { assets, assetsById }: Definitions): AssetEntry {
  const [found, said] =
    "id" in ref
      ? [assetsById.get(ref.id), `with the id ${ref.id}`]
      : "name" in ref
        ? [assets.get(ref.name), `'${ref.name}'`]
        : [[...assets.values()].find(({ snapshot }) => snapshot.uri === ref.uri), `with the URI '${ref.uri}'`];
  if (found !== undefined) return found;
  const hint = "name" in ref ? didYouMean(ref.name, assets.keys()) : {};
  throw new MillraceError("ASSET_NOT_FOUND", `no asset ${said} is loaded`, hint);
}

/** @throws {MillraceError} BAD_PAYLOAD */
export function checkedEvent(asset: AssetEntry, payload: unknown, extra: Uint8Array | null, partitionKey: string | null): NewAssetEvent {
  const problem = asset.check?.(payload) ?? null;
  if (problem !== null) throw new MillraceError("BAD_PAYLOAD", `payload of asset '${asset.name}': ${problem}`);
  return prepareEvent(asset, Buffer.from(JSON.stringify(payload)), extra, partitionKey);
}
