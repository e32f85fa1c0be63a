import { checkPredicate } from "../domain/cel.ts";
import { checkProjection } from "../domain/cel-projection.ts";
import type { AssetSnapshot, TriggerSnapshot, WatcherSnapshot } from "../domain/dag-snapshot.ts";
import { schemaAfter } from "../domain/envelope.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import { problem, type Problem } from "./import-error.ts";
import { whereHint } from "./where-hint.ts";

/** What an asset's watchers do with messages, apart from their triggers' params. */
export function checkWatchers(catalog: ProviderCatalog, asset: AssetSnapshot): Problem | null {
  const wrong = asset.watchers.map((watcher) => checkWhere(asset, watcher) ?? checkPayload(asset, watcher)).find((found) => found !== null);
  return wrong ?? findTwins(catalog, asset);
}

/** Without a projection, what is unwrapped is what the asset's schema says. */
function checkWhere({ name, schema }: AssetSnapshot, { name: watcher, unwrap, where, payload }: WatcherSnapshot): Problem | null {
  if (where === null) return null;
  const seen = payload === null ? (schema ?? schemaAfter(unwrap)) : schemaAfter(unwrap);
  const wrong = checkPredicate(where, seen);
  if (wrong === null) return null;
  return problem("CEL_INVALID", `asset '${name}': watcher '${watcher}': where '${where}': ${wrong}`, undefined, whereHint(wrong, seen));
}

function checkPayload({ name, schema }: AssetSnapshot, { name: watcher, unwrap, payload }: WatcherSnapshot): Problem | null {
  if (payload === null) return null;
  const seen = schemaAfter(unwrap);
  const wrong = checkProjection(payload, seen, schema);
  if (wrong === null) return null;
  const message = `asset '${name}': watcher '${watcher}': payload '${payload}': ${wrong}`;
  return problem("CEL_INVALID", message, undefined, whereHint(wrong, seen));
}

/** A message makes one event per asset, so an asset takes one trigger's messages in one way. */
function findTwins(catalog: ProviderCatalog, { name, watchers }: AssetSnapshot): Problem | null {
  const ways = new Map<string, { readonly watcher: string; readonly way: string }>();
  for (const { name: watcher, triggers, unwrap, where, payload } of watchers) {
    const way = JSON.stringify([unwrap, where, payload]);
    for (const trigger of triggers) {
      const other = ways.get(identityOf(catalog, trigger));
      if (other !== undefined && other.way !== way) {
        const message = `asset '${name}': its watchers '${other.watcher}' and '${watcher}' take the messages of one trigger in two ways`;
        return problem("BAD_TRIGGER", message, undefined, "give both the same `unwrap`, `where` and `payload`, or make two assets");
      }
      ways.set(identityOf(catalog, trigger), { watcher, way });
    }
  }
  return null;
}

function identityOf(catalog: ProviderCatalog, { kind, connection, params }: TriggerSnapshot): string {
  return JSON.stringify([kind, connection, catalog.findTrigger(kind)?.canonical(params) ?? params]);
}
