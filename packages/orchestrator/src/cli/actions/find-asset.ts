import { didYouMean } from "../../domain/did-you-mean.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiClient } from "../api-client.ts";
import type { AssetBody } from "../asset-resources.ts";

const MAX_ROWS = 1_000;

/** Its id, URI or name, as REST calls them. */
export function assetRef(text: string): { asset_id: number } | { uri: string } | { name: string } {
  if (/^\d{1,15}$/.test(text)) return { asset_id: Number(text) };
  return text.includes("://") ? { uri: text } : { name: text };
}

/** @throws {MillraceError} ASSET_NOT_FOUND */
export async function findAsset(client: ApiClient, text: string): Promise<AssetBody> {
  const ref = assetRef(text);
  if ("asset_id" in ref) return client.get<AssetBody>(`/assets/${ref.asset_id}`);
  const list = async (query: object): Promise<readonly AssetBody[]> =>
    (await client.get<{ assets: AssetBody[] }>("/assets", { ...query, limit: MAX_ROWS })).assets;
  const candidates = await list("uri" in ref ? { uri_pattern: ref.uri } : { name_pattern: ref.name });
  const found = candidates.find((one) => one.name === text || one.uri === text);
  if (found !== undefined) return found;
  const names = (await list({})).map((one) => one.name);
  throw new MillraceError("ASSET_NOT_FOUND", `no asset '${text}' is loaded`, didYouMean(text, names));
}
