import { type Static, Type } from "typebox";
import { deriveUuid } from "../../domain/ids.ts";
import type { DagVersionRead } from "../../domain/reads.ts";
import { toInstant } from "./instant.ts";
import { Instant, NullableText } from "./nullable.ts";

export const DagVersionSchema = Type.Object({
  id: Type.String({ format: "uuid" }),
  version_number: Type.Integer(),
  dag_id: Type.String(),
  bundle_name: NullableText,
  bundle_version: NullableText,
  created_at: Instant,
  dag_display_name: Type.String(),
  bundle_url: NullableText,
});

export function toDagVersion(version: DagVersionRead): Static<typeof DagVersionSchema> {
  return {
    id: deriveUuid("dag_version", version.id),
    version_number: version.number,
    dag_id: version.dagId,
    bundle_name: null,
    bundle_version: version.bundleHash,
    created_at: toInstant(version.createdAt),
    dag_display_name: version.dagId,
    bundle_url: null,
  };
}
