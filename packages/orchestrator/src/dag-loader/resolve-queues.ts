import type { AssetSnapshot, DestinationSnapshot, TriggerSnapshot } from "../domain/dag-snapshot.ts";
import { MillraceError } from "../domain/errors.ts";
import type { EvaluatedFile, Sited } from "../domain/evaluation.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import { MESSAGE_QUEUE_KIND, queueDestination, queueTrigger, toQueueAddress } from "../domain/queue-target.ts";
import { problem, type ImportErrorCode, type Problem } from "./import-error.ts";

/** `site` is where what cannot be resolved was made. */
type Resolved = { readonly evaluated: EvaluatedFile } | { readonly problem: Problem; readonly site: string };

/** The file with its providers' own triggers and destinations in the place of those that name a queue by its URL alone. */
export function resolveQueues(evaluated: EvaluatedFile, catalog: ProviderCatalog): Resolved {
  const assets: Sited<AssetSnapshot>[] = [];
  for (const { snapshot, site } of evaluated.assets) {
    const resolved = told("BAD_TRIGGER", `asset '${snapshot.name}'`, () => resolveAsset(snapshot, catalog));
    if ("code" in resolved) return { problem: resolved, site };
    assets.push({ snapshot: resolved, site });
  }
  const destinations: Sited<DestinationSnapshot>[] = [];
  for (const { snapshot, site } of evaluated.destinations) {
    const resolved = told("BAD_DESTINATION", "a destination", () =>
      snapshot.kind === MESSAGE_QUEUE_KIND ? queueDestination(catalog, toQueueAddress(snapshot)) : snapshot,
    );
    if ("code" in resolved) return { problem: resolved, site };
    destinations.push({ snapshot: resolved, site });
  }
  return { evaluated: { ...evaluated, assets, destinations } };
}

/** The same object where there is nothing to resolve: what was checked of it is remembered by it. */
function resolveAsset(asset: AssetSnapshot, catalog: ProviderCatalog): AssetSnapshot {
  const hasQueues = asset.watchers.some(({ triggers }) => triggers.some(({ kind }) => kind === MESSAGE_QUEUE_KIND));
  if (!hasQueues) return asset;
  const resolve = (trigger: TriggerSnapshot): TriggerSnapshot =>
    trigger.kind === MESSAGE_QUEUE_KIND ? queueTrigger(catalog, toQueueAddress(trigger)) : trigger;
  return { ...asset, watchers: asset.watchers.map((watcher) => ({ ...watcher, triggers: watcher.triggers.map(resolve) })) };
}

function told<Result extends object>(code: ImportErrorCode, what: string, resolve: () => Result): Result | Problem {
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return problem(code, `${what}: ${error.message}`, undefined, error.hint);
  }
}
