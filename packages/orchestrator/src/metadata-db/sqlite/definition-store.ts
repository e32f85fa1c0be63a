import { createHash } from "node:crypto";
import type { Database, Statement } from "better-sqlite3";
import type { ImportError, LoadPass, LoadedFile } from "../../domain/dag-folder.ts";
import type { AssetSnapshot, DagSnapshot, EnvelopeName } from "../../domain/dag-snapshot.ts";
import type { DagEntry, DagVersion, DefinitionRows } from "../../domain/definitions.ts";
import { decodeJson, decodeObject } from "../stored-json.ts";
import { type CanonicalTrigger, WatcherWriter } from "./watcher-writer.ts";

const SHARDS = 64;

interface DagVersionRow {
  id: number;
  dag: number;
  dag_id: string;
  number: number;
  bundle_hash: string;
  source_path: string;
  snapshot: Buffer;
}

/** Writes what a load pass found, and reads what is in force. */
export class DefinitionStore {
  readonly #db: Database;
  readonly #watchers: WatcherWriter;
  /** This installation's id: names its consumer groups and messages. */
  readonly instance: string;
  readonly #selectVersion: Statement;

  constructor(db: Database, canonical: CanonicalTrigger) {
    this.#db = db;
    this.instance = (db.prepare("SELECT value FROM meta WHERE key = 'instance'").get() as { value: string }).value;
    this.#watchers = new WatcherWriter(db, canonical, this.instance);
    this.#selectVersion = db.prepare(`SELECT v.id, v.dag, d.dag_id, v.number, v.bundle_hash, v.source_path, v.snapshot
      FROM dag_version v JOIN dag d ON d.id = v.dag WHERE v.id = ?`);
  }

  /** One transaction. A file that failed keeps its last good version; one that is gone takes its DAGs out of service. */
  apply(pass: LoadPass, now: number): void {
    this.#db.transaction(() => {
      const failed = new Set(pass.errors.map(({ file }) => file));
      const kept = new Set<string>();
      for (const file of pass.files) {
        for (const dag of file.dags) {
          this.#putDag(file, dag, now);
          kept.add(dag.dagId);
        }
      }
      this.#retireDags(kept, failed);
      this.#putTriggerKinds(pass.files, failed);
      this.#putAssets(pass, failed, now);
      this.#putImportErrors(pass.errors, now);
      this.#db.prepare("UPDATE meta SET value = value + 1 WHERE key = 'definitions_version'").run();
    })();
  }

  read(): DefinitionRows {
    const version = Number((this.#db.prepare("SELECT value FROM meta WHERE key = 'definitions_version'").get() as { value: string }).value);
    return {
      version,
      dags: this.#readDags(),
      assets: this.#readAssets(),
      watchers: this.#readWatchers(),
      triggers: this.#readTriggers(),
      triggerKinds: this.#readTriggerKinds(),
    };
  }

  setPaused(dag: number, isPaused: boolean): void {
    this.#db.prepare("UPDATE dag SET is_paused = ? WHERE id = ?").run(isPaused ? 1 : 0, dag);
  }

  /** A version that runs may still be on. @throws {Error} for an id that was never stored. */
  readVersion(id: number): DagVersion {
    const row = this.#selectVersion.get(id) as DagVersionRow | undefined;
    if (row === undefined) throw new Error(`dag version ${id} is not stored`);
    return toVersion(row);
  }

  #putDag(file: LoadedFile, snapshot: DagSnapshot, now: number): void {
    const json = Buffer.from(JSON.stringify(snapshot));
    const hash = createHash("sha256").update(file.bundleHash).update(json).digest("hex");
    const shard = createHash("sha256").update(snapshot.dagId).digest()[0]! % SHARDS;
    const dag = this.#db
      .prepare(
        `INSERT INTO dag (dag_id, file, version_id, shard, created_at, loaded_at) VALUES (?, ?, 0, ?, ?, ?)
         ON CONFLICT (dag_id) DO UPDATE SET file = excluded.file, is_stale = 0, loaded_at = excluded.loaded_at RETURNING id`,
      )
      .get(snapshot.dagId, file.file, shard, now, now) as { id: number };
    const existing = this.#db.prepare("SELECT id FROM dag_version WHERE dag = ? AND hash = ?").get(dag.id, hash) as
      | { id: number }
      | undefined;
    const versionId = existing?.id ?? this.#insertVersion(dag.id, hash, file, json, now);
    this.#db.prepare("UPDATE dag SET version_id = ? WHERE id = ?").run(versionId, dag.id);
    this.#db.prepare("UPDATE dag_version SET retired_at = NULL WHERE id = ? AND retired_at IS NOT NULL").run(versionId);
    this.#db.prepare("UPDATE dag_version SET retired_at = ? WHERE dag = ? AND id <> ? AND retired_at IS NULL").run(now, dag.id, versionId);
  }

  #insertVersion(dag: number, hash: string, file: LoadedFile, json: Uint8Array, now: number): number {
    const { lastInsertRowid } = this.#db
      .prepare(
        `INSERT INTO dag_version (dag, number, hash, bundle_hash, source_path, snapshot, created_at)
         VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM dag_version WHERE dag = ?), ?, ?, ?, ?, ?)`,
      )
      .run(dag, dag, hash, file.bundleHash, file.path, json, now);
    return Number(lastInsertRowid);
  }

  #retireDags(kept: ReadonlySet<string>, failedFiles: ReadonlySet<string>): void {
    const rows = this.#db.prepare("SELECT id, dag_id, file FROM dag WHERE is_stale = 0").all() as {
      id: number;
      dag_id: string;
      file: string;
    }[];
    for (const { id, dag_id: dagId, file } of rows) {
      if (!kept.has(dagId) && !failedFiles.has(file)) this.#db.prepare("UPDATE dag SET is_stale = 1 WHERE id = ?").run(id);
    }
  }

  #putAssets(pass: LoadPass, failedFiles: ReadonlySet<string>, now: number): void {
    const assets = new Map(pass.files.flatMap(({ assets: found }) => found.map((asset) => [asset.name, asset] as const)));
    for (const asset of assets.values()) this.#putAsset(asset, now);
    // Which assets a broken file would define is not known, so none is retired until it loads again.
    if (failedFiles.size > 0) return;
    const rows = this.#db.prepare("SELECT id, name FROM asset WHERE is_stale = 0").all() as { id: number; name: string }[];
    for (const { id, name } of rows) {
      if (assets.has(name)) continue;
      this.#db.prepare("UPDATE asset SET is_stale = 1 WHERE id = ?").run(id);
      this.#watchers.retire(id);
    }
  }

  #putAsset(asset: AssetSnapshot, now: number): void {
    const schema = asset.schema === null ? null : Buffer.from(JSON.stringify(asset.schema));
    const { id } = this.#db
      .prepare(
        `INSERT INTO asset (name, uri, group_name, description, extra, schema, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET uri = excluded.uri, group_name = excluded.group_name, description = excluded.description,
           extra = excluded.extra, schema = excluded.schema, is_stale = 0, updated_at = excluded.updated_at RETURNING id`,
      )
      .get(asset.name, asset.uri, asset.group, asset.description, Buffer.from(JSON.stringify(asset.extra)), schema, now, now) as {
      id: number;
    };
    this.#watchers.put(id, asset.watchers, now);
  }

  /** Of a kind that several files bring, the first one's bundle is run. One of a file that failed stays as it was. */
  #putTriggerKinds(files: readonly LoadedFile[], failedFiles: ReadonlySet<string>): void {
    const kinds = new Map(files.toReversed().flatMap((file) => file.triggerKinds.map((kind) => [kind, file] as const)));
    const rows = this.#db.prepare("SELECT kind, file FROM trigger_kind").all() as { kind: string; file: string }[];
    for (const { kind, file } of rows) {
      if (!kinds.has(kind) && !failedFiles.has(file)) this.#db.prepare("DELETE FROM trigger_kind WHERE kind = ?").run(kind);
    }
    const put = this.#db.prepare("INSERT OR REPLACE INTO trigger_kind VALUES (?, ?, ?, ?)");
    for (const [kind, { file, bundleHash, path }] of kinds) put.run(kind, file, bundleHash, path);
  }

  #putImportErrors(errors: readonly ImportError[], now: number): void {
    this.#db.prepare("DELETE FROM import_error").run();
    const insert = this.#db.prepare(`INSERT INTO import_error (file, code, message, line, column_number, hint, stack, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`);
    for (const { file, code, message, line, column, hint, stack } of errors)
      insert.run(file, code, message, line, column, hint, stack, now);
  }

  #readDags(): readonly DagEntry[] {
    const rows = this.#db
      .prepare(
        `SELECT d.is_paused, d.shard, v.id, v.dag, d.dag_id, v.number, v.bundle_hash, v.source_path, v.snapshot
         FROM dag d JOIN dag_version v ON v.id = d.version_id WHERE d.is_stale = 0 ORDER BY d.id`,
      )
      .all() as (DagVersionRow & { is_paused: number; shard: number })[];
    return rows.map((row) => ({
      id: row.dag,
      dagId: row.dag_id,
      isPaused: row.is_paused === 1,
      shard: row.shard,
      version: toVersion(row),
    }));
  }

  #readAssets(): DefinitionRows["assets"] {
    const rows = this.#db.prepare("SELECT id, name, uri, group_name, description, extra, schema FROM asset WHERE is_stale = 0").all() as {
      id: number;
      name: string;
      uri: string | null;
      group_name: string | null;
      description: string | null;
      extra: Buffer;
      schema: Buffer | null;
    }[];
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

  #readWatchers(): DefinitionRows["watchers"] {
    const rows = this.#db
      .prepare(
        `SELECT w.asset_id, w.name, w.unwrap, w.where_text, w.payload, t.trigger_id, t.group_name
         FROM watcher_trigger t JOIN asset_watcher w ON w.id = t.watcher_id WHERE w.is_stale = 0 AND t.is_stale = 0 ORDER BY t.id`,
      )
      .all() as {
      asset_id: number;
      name: string;
      unwrap: Buffer;
      where_text: string | null;
      payload: string | null;
      trigger_id: number;
      group_name: string;
    }[];
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

  #readTriggerKinds(): DefinitionRows["triggerKinds"] {
    const rows = this.#db.prepare("SELECT kind, bundle_hash, source_path FROM trigger_kind").all() as {
      kind: string;
      bundle_hash: string;
      source_path: string;
    }[];
    return rows.map((row) => ({ kind: row.kind, bundleHash: row.bundle_hash, sourcePath: row.source_path }));
  }

  #readTriggers(): DefinitionRows["triggers"] {
    const rows = this.#db.prepare("SELECT id, kind, connection, params FROM trigger").all() as {
      id: number;
      kind: string;
      connection: string;
      params: Buffer;
    }[];
    return rows.map(({ id, kind, connection, params }) => ({ id, snapshot: { kind, connection, params: decodeObject(params) } }));
  }
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
