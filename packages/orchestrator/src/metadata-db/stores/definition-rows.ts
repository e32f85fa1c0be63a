import type { DagSnapshot, EnvelopeName } from "../../domain/dag-snapshot.ts";
import type { DagEntry, DagVersion, DefinitionRows } from "../../domain/definitions.ts";
import type { AssetTable, TriggerTable } from "../../domain/tables.ts";
import { all, first, type Script } from "../sql-script.ts";
import { decodeJson, decodeObject } from "../stored-json.ts";

interface DagVersionRow {
  readonly id: number;
  readonly dag: number;
  readonly dag_id: string;
  readonly number: number;
  readonly bundle_hash: string;
  readonly source_path: string;
  readonly snapshot: Uint8Array;
}

const VERSION_COLUMNS = "v.id, v.dag, d.dag_id, v.number, v.bundle_hash, v.source_path, v.snapshot";
const VERSION = `SELECT ${VERSION_COLUMNS} FROM dag_version v JOIN dag d ON d.id = v.dag WHERE v.id = ?`;
const DAGS = `SELECT d.is_paused, d.shard, ${VERSION_COLUMNS}
  FROM dag d JOIN dag_version v ON v.id = d.version_id WHERE d.is_stale = 0 ORDER BY d.id`;
const ASSETS = "SELECT id, name, uri, group_name, description, extra, schema FROM asset WHERE is_stale = 0 ORDER BY id";
const WATCHERS = `SELECT w.asset_id, w.name, w.unwrap, w.where_text, w.payload, t.trigger_id, t.group_name
  FROM watcher_trigger t JOIN asset_watcher w ON w.id = t.watcher_id WHERE w.is_stale = 0 AND t.is_stale = 0 ORDER BY t.id`;

/** Counts up with every change of what is in force. */
export function* readDefinitionsVersion(): Script<number> {
  const row = yield* first<{ value: string }>("SELECT value FROM meta WHERE key = 'definitions_version'");
  return Number(row!.value);
}

/** Of one state: begun anew where another process changes it meanwhile. */
export function* readDefinitionRows(): Script<DefinitionRows> {
  for (let version = yield* readDefinitionsVersion(); ;) {
    const dags = yield* readDags();
    const assets = yield* readAssets();
    const watchers = yield* readWatchers();
    const triggers = yield* readTriggers();
    const triggerKinds = yield* readTriggerKinds();
    const newest = yield* readDefinitionsVersion();
    if (newest === version) return { version, dags, assets, watchers, triggers, triggerKinds };
    version = newest;
  }
}

export function* readDagVersion(id: number): Script<DagVersion | undefined> {
  const row = yield* first<DagVersionRow>(VERSION, id);
  return row === undefined ? undefined : toVersion(row);
}

function* readDags(): Script<readonly DagEntry[]> {
  const rows = yield* all<DagVersionRow & { is_paused: number; shard: number }>(DAGS);
  return rows.map((row) => ({
    id: row.dag,
    dagId: row.dag_id,
    isPaused: row.is_paused === 1,
    shard: row.shard,
    version: toVersion(row),
  }));
}

function* readAssets(): Script<DefinitionRows["assets"]> {
  const rows = yield* all<AssetTable>(ASSETS);
  return rows.map(({ id, name, uri, group_name: group, description, extra, schema }) => ({
    id,
    snapshot: {
      name,
      uri,
      group,
      description,
      extra: decodeObject(extra),
      schema: schema === null ? null : decodeObject(schema),
      watchers: [],
    },
  }));
}

interface WatcherRow {
  readonly asset_id: number;
  readonly name: string;
  readonly unwrap: Uint8Array;
  readonly where_text: string | null;
  readonly payload: string | null;
  readonly trigger_id: number;
  readonly group_name: string;
}

function* readWatchers(): Script<DefinitionRows["watchers"]> {
  const rows = yield* all<WatcherRow>(WATCHERS);
  return rows.map((row) => ({
    assetId: row.asset_id,
    name: row.name,
    unwrap: decodeJson<readonly EnvelopeName[]>(row.unwrap),
    where: row.where_text,
    payload: row.payload,
    triggerId: row.trigger_id,
    groupName: row.group_name,
  }));
}

function* readTriggers(): Script<DefinitionRows["triggers"]> {
  const rows = yield* all<TriggerTable>("SELECT id, kind, connection, params FROM trigger ORDER BY id");
  return rows.map(({ id, kind, connection, params }) => ({ id, snapshot: { kind, connection, params: decodeObject(params) } }));
}

function* readTriggerKinds(): Script<DefinitionRows["triggerKinds"]> {
  const sql = "SELECT kind, bundle_hash, source_path FROM trigger_kind ORDER BY kind";
  const rows = yield* all<{ kind: string; bundle_hash: string; source_path: string }>(sql);
  return rows.map((row) => ({ kind: row.kind, bundleHash: row.bundle_hash, sourcePath: row.source_path }));
}

function toVersion(row: DagVersionRow): DagVersion {
  return {
    id: row.id,
    dag: row.dag,
    dagId: row.dag_id,
    number: row.number,
    bundleHash: row.bundle_hash,
    sourcePath: row.source_path,
    snapshot: decodeJson<DagSnapshot>(row.snapshot),
  };
}
