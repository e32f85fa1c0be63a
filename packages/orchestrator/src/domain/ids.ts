import { createHash } from "node:crypto";
import type { RunType } from "./states.ts";

/** id = commit number × 4096 + ordinal within that commit; a commit that needs more takes further numbers. */
export const ORDINALS_PER_COMMIT = 4096;

export function firstIdOf(commitNumber: number): number {
  return commitNumber * ORDINALS_PER_COMMIT;
}
export function commitNumberOf(id: number): number {
  return Math.floor(id / ORDINALS_PER_COMMIT);
}

/**
 * The field's string id of a run: `asset_triggered__2026-11-21T10:00:00.000+00:00_5yc1z7`. The tail is the
 * integer id in base 36, so a run is found without an index on the string.
 */
export function formatDagRunId(type: RunType, createdAt: number, id: number): string {
  return `${type}__${new Date(createdAt).toISOString().replace("Z", "+00:00")}_${id.toString(36)}`;
}

/** The integer id in a formatted run id; null where the string has another form (an id a user gave). */
export function parseDagRunId(dagRunId: string): number | null {
  const tail = /^[a-z_]+__\d{4}-\d\d-\d\dT[^_]+_([0-9a-z]{1,11})$/.exec(dagRunId)?.[1];
  if (tail === undefined) return null;
  const id = Number.parseInt(tail, 36);
  return Number.isSafeInteger(id) ? id : null;
}

/** A stable UUID (version 8, RFC 9562) where Airflow's API wants one: derived, never stored. */
export function deriveUuid(namespace: string, ...parts: readonly number[]): string {
  const hash = createHash("sha256")
    .update(`${namespace}:${parts.join(":")}`)
    .digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
