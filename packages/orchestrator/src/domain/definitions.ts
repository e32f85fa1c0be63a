import { type CelPredicate, compilePredicate } from "./cel.ts";
import { type CelProjection, compileProjection } from "./cel-projection.ts";
import type { AssetSnapshot, DagSnapshot, EnvelopeName, TriggerSnapshot } from "./dag-snapshot.ts";
import { type PayloadCheck, compileSchema } from "./json-schema.ts";
import { assetsOf, isDirect, type PatternSlot, slotsOf } from "./pattern-parts.ts";

/** An immutable version of a DAG; runs stay on theirs. */
export interface DagVersion {
  readonly id: number;
  readonly dag: number;
  readonly dagId: string;
  readonly number: number;
  readonly bundleHash: string;
  readonly sourcePath: string;
  readonly snapshot: DagSnapshot;
}

export interface DagEntry {
  readonly id: number;
  readonly dagId: string;
  readonly isPaused: boolean;
  readonly shard: number;
  readonly version: DagVersion;
}

/** A slot of a DAG's pattern (pattern-parts.ts) that one asset's events may take. */
export interface SubscriberSlot {
  readonly index: number;
  /** null where every event fits. */
  readonly where: CelPredicate | null;
  readonly whereText: string | null;
}

export interface Subscriber {
  readonly dag: DagEntry;
  /** Its runs are made by the ingest itself. */
  readonly isDirect: boolean;
  readonly slots: readonly SubscriberSlot[];
}

export interface AssetEntry {
  readonly id: number;
  readonly name: string;
  readonly snapshot: AssetSnapshot;
  /** null where any payload will do. */
  readonly check: PayloadCheck | null;
  readonly subscribers: readonly Subscriber[];
}

export interface TriggerEntry {
  readonly id: number;
  readonly snapshot: TriggerSnapshot;
  readonly defaultGroup: string;
  /** One for each asset that listens to it. */
  readonly watchers: readonly WatcherEntry[];
}

/** How an asset takes a trigger's messages. */
export interface WatcherEntry {
  readonly asset: AssetEntry;
  readonly unwrap: readonly EnvelopeName[];
  /** null where every message is taken. */
  readonly where: CelPredicate | null;
  /** null where what was unwrapped is stored as it is. */
  readonly payload: CelProjection | null;
}

/** Where the code of a trigger is that a DAG file defines. */
export interface TriggerCode {
  readonly kind: string;
  readonly bundleHash: string;
  readonly sourcePath: string;
}

interface WatcherRow {
  readonly assetId: number;
  readonly name: string;
  readonly unwrap: readonly EnvelopeName[];
  readonly where: string | null;
  readonly payload: string | null;
  readonly triggerId: number;
  readonly groupName: string;
}

/** As read from the metadata DB; what is stale is left out. */
export interface DefinitionRows {
  readonly version: number;
  readonly dags: readonly DagEntry[];
  readonly assets: readonly { readonly id: number; readonly snapshot: AssetSnapshot }[];
  readonly watchers: readonly WatcherRow[];
  readonly triggers: readonly { readonly id: number; readonly snapshot: TriggerSnapshot }[];
  readonly triggerKinds: readonly TriggerCode[];
}

/** All that is loaded, immutable: an ingest uses one snapshot of it throughout. */
export interface Definitions {
  readonly version: number;
  readonly dags: ReadonlyMap<string, DagEntry>;
  /** DagEntry.id of those that are paused. */
  readonly paused: ReadonlySet<number>;
  readonly assets: ReadonlyMap<string, AssetEntry>;
  readonly assetsById: ReadonlyMap<number, AssetEntry>;
  readonly triggers: ReadonlyMap<number, TriggerEntry>;
  /** Those that DAG files define, by kind. */
  readonly triggerKinds: ReadonlyMap<string, TriggerCode>;
}

export const NO_DEFINITIONS: Definitions = {
  version: 0,
  dags: new Map(),
  paused: new Set(),
  assets: new Map(),
  assetsById: new Map(),
  triggers: new Map(),
  triggerKinds: new Map(),
};

/** @throws {MillraceError} CEL_INVALID, which the loader's check rules out. */
export function buildDefinitions(rows: DefinitionRows): Definitions {
  const subscribers = groupSubscribers(rows.dags);
  const assets = rows.assets.map(({ id, snapshot }) => ({
    id,
    name: snapshot.name,
    snapshot,
    check: snapshot.schema === null ? null : compileSchema(snapshot.schema),
    subscribers: subscribers.get(snapshot.name) ?? [],
  }));
  const assetsById = new Map(assets.map((asset) => [asset.id, asset]));
  return {
    version: rows.version,
    dags: new Map(rows.dags.map((dag) => [dag.dagId, dag])),
    paused: new Set(rows.dags.filter(({ isPaused }) => isPaused).map(({ id }) => id)),
    assets: new Map(assets.map((asset) => [asset.name, asset])),
    assetsById,
    triggers: new Map(buildTriggers(rows, assetsById).map((trigger) => [trigger.id, trigger])),
    triggerKinds: new Map(rows.triggerKinds.map((code) => [code.kind, code])),
  };
}

function groupSubscribers(dags: readonly DagEntry[]): ReadonlyMap<string, Subscriber[]> {
  const byAsset = new Map<string, Subscriber[]>();
  for (const dag of dags) {
    const { snapshot } = dag.version;
    const slots = slotsOf(snapshot.schedule);
    for (const asset of assetsOf(snapshot.schedule)) {
      const own = slots.filter(({ source }) => source.asset === asset).map(toSubscriberSlot);
      byAsset.set(asset, [...(byAsset.get(asset) ?? []), { dag, isDirect: isDirect(snapshot), slots: own }]);
    }
  }
  return byAsset;
}

function toSubscriberSlot({ index, source: { where } }: PatternSlot): SubscriberSlot {
  return { index, where: where === null ? null : compilePredicate(where), whereText: where };
}

function buildTriggers(rows: DefinitionRows, assets: ReadonlyMap<number, AssetEntry>): readonly TriggerEntry[] {
  return rows.triggers.flatMap(({ id, snapshot }) => {
    const watchers = rows.watchers.filter((watcher) => watcher.triggerId === id);
    // Equal triggers share the oldest watcher's group.
    const [oldest] = watchers;
    if (oldest === undefined) return [];
    return [{ id, snapshot, defaultGroup: oldest.groupName, watchers: toWatcherEntries(watchers, assets) }];
  });
}

/** Two watchers of one asset on one trigger listen in the same way (the loader sees to it), and a message makes one event (P2). */
function toWatcherEntries(watchers: readonly WatcherRow[], assets: ReadonlyMap<number, AssetEntry>): readonly WatcherEntry[] {
  const byAsset = new Map(watchers.toReversed().map((watcher) => [watcher.assetId, watcher]));
  return [...byAsset.values()].toReversed().flatMap(({ assetId, unwrap, where, payload }) => {
    const asset = assets.get(assetId);
    if (asset === undefined) return [];
    const compiled = {
      where: where === null ? null : compilePredicate(where),
      payload: payload === null ? null : compileProjection(payload),
    };
    return [{ asset, unwrap, ...compiled }];
  });
}
