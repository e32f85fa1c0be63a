import { canonicalJson } from "../domain/canonical-json.ts";
import type { AssetSnapshot } from "../domain/dag-snapshot.ts";
import { problem, type Problem } from "./import-error.ts";

/** The assets of all files by name: equal definitions are one, and a bare reference means the fuller one. */
export class AssetRegistry {
  readonly #assets = new Map<string, { readonly snapshot: AssetSnapshot; readonly file: string }>();

  get(name: string): AssetSnapshot | undefined {
    return this.#assets.get(name)?.snapshot;
  }

  add(snapshot: AssetSnapshot, file: string): void {
    const known = this.#assets.get(snapshot.name);
    if (known === undefined || isBare(known.snapshot)) this.#assets.set(snapshot.name, { snapshot, file });
  }

  findConflict(snapshot: AssetSnapshot, file: string): Problem | null {
    const known = this.#assets.get(snapshot.name);
    if (known === undefined || isBare(known.snapshot) || isBare(snapshot)) return null;
    const differing = differences(known.snapshot, snapshot);
    if (differing.length === 0) return null;
    const message = `asset '${snapshot.name}' is defined in two ways, in '${known.file}' and in '${file}': they differ in ${differing.join(", ")}`;
    return problem("ASSET_CONFLICT", message);
  }
}

function isBare({ uri, group, description, extra, schema, watchers }: AssetSnapshot): boolean {
  const hasText = uri !== null || group !== null || description !== null || schema !== null;
  return !hasText && Object.keys(extra).length === 0 && watchers.length === 0;
}

function differences(a: AssetSnapshot, b: AssetSnapshot): string[] {
  const fields = ["uri", "group", "description", "extra", "schema", "watchers"] as const;
  return fields.filter((field) => canonicalJson(a[field]) !== canonicalJson(b[field]));
}
