import { Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { AssetCollectionSchema, AssetSchema, toAsset } from "../resources/asset-resource.ts";
import { pageQuery, queryObject, readPage } from "./query.ts";

const AssetQuery = queryObject({
  ...pageQuery,
  name_pattern: Type.Optional(Type.String({ description: "part of the name, in any case" })),
  uri_pattern: Type.Optional(Type.String({ description: "part of the URI, in any case" })),
  dag_ids: Type.Optional(Type.Array(Type.String(), { description: "assets that schedule these DAGs, or that their tasks update or read" })),
  only_active: Type.Optional(Type.Boolean({ default: true })),
});

export function assetRoutes(app: ApiServer, { reads }: ApiContext): void {
  const tags = ["Asset"];
  const list = { tags, summary: "The assets that are loaded", querystring: AssetQuery, response: { 200: AssetCollectionSchema } };
  app.get("/api/v2/assets", { schema: list }, async ({ query }) => {
    const filter = {
      namePart: query.name_pattern,
      uriPart: query.uri_pattern,
      dagIds: query.dag_ids,
      excludeStale: query.only_active ?? true,
    };
    const { rows, total } = await reads.assets.list(filter, readPage(query, ["id"]));
    return { assets: rows.map(toAsset), total_entries: total };
  });
  const one = { tags, summary: "One asset", params: Type.Object({ asset_id: Type.Integer() }), response: { 200: AssetSchema } };
  app.get("/api/v2/assets/:asset_id", { schema: one }, async ({ params }) => {
    const asset = await reads.assets.find(params.asset_id);
    if (asset === null) throw new MillraceError("ASSET_NOT_FOUND", `there is no asset with id ${params.asset_id}`);
    return toAsset(asset);
  });
}
