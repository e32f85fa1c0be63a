import { createHash } from "node:crypto";
import type { ImportError, LoadPass, LoadedFile } from "../../domain/dag-folder.ts";
import type { AssetSnapshot, DagSnapshot } from "../../domain/dag-snapshot.ts";
import { all, execute, first, type Script } from "../sql-script.ts";
import type { WatcherWriter } from "./watcher-writer.ts";

const SHARDS = 64;

interface IdRow {
  readonly id: number;
}

const PUT_DAG = `INSERT INTO dag (dag_id, file, version_id, shard, created_at, loaded_at) VALUES (?, ?, 0, ?, ?, ?)
  ON CONFLICT (dag_id) DO UPDATE SET file = excluded.file, is_stale = 0, loaded_at = excluded.loaded_at RETURNING id`;
const INSERT_VERSION = `INSERT INTO dag_version (dag, number, hash, bundle_hash, source_path, snapshot, created_at)
  VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM dag_version WHERE dag = ?), ?, ?, ?, ?, ?) RETURNING id`;
const PUT_ASSET = `INSERT INTO asset (name, uri, group_name, description, extra, schema, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET uri = excluded.uri, group_name = excluded.group_name, description = excluded.description,
    extra = excluded.extra, schema = excluded.schema, is_stale = 0, updated_at = excluded.updated_at RETURNING id`;
const PUT_KIND = `INSERT INTO trigger_kind (kind, file, bundle_hash, source_path) VALUES (?, ?, ?, ?)
  ON CONFLICT (kind) DO UPDATE SET file = excluded.file, bundle_hash = excluded.bundle_hash, source_path = excluded.source_path`;
const PUT_ERROR = `INSERT INTO import_error (file, code, message, line, column_number, hint, stack, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (file) DO UPDATE SET code = excluded.code, message = excluded.message, line = excluded.line,
    column_number = excluded.column_number, hint = excluded.hint, stack = excluded.stack, created_at = excluded.created_at`;

/** What a pass wrote: what the next one has in the same words need not be written again. */
export interface WrittenPass {
  /** DefinitionRows.version with it; where that has moved on, another has written since. */
  readonly count: number;
  /** By DAG or asset, as text. */
  readonly texts: ReadonlyMap<string, string>;
}

/** The new count. Also keeps two processes that write definitions apart: the second waits here for the first's commit. */
export function* countDefinitionsUp(): Script<number> {
  const sql = "UPDATE meta SET value = CAST(CAST(value AS bigint) + 1 AS text) WHERE key = 'definitions_version' RETURNING value";
  return Number((yield* first<{ value: string }>(sql))!.value);
}

interface PassWork {
  readonly pass: LoadPass;
  readonly watchers: WatcherWriter;
  readonly now: number;
  readonly failedFiles: ReadonlySet<string>;
  /** Of the pass before, where nobody has written since. */
  readonly before: ReadonlyMap<string, string>;
  readonly texts: Map<string, string>;
}

/** What a load pass found. A file that failed keeps its last good version; one that is gone takes its DAGs out of service. */
export function* writeLoadPass(pass: LoadPass, watchers: WatcherWriter, now: number, last: WrittenPass | null): Script<WrittenPass> {
  const count = yield* countDefinitionsUp();
  const failedFiles = new Set(pass.errors.map(({ file }) => file));
  const before = last?.count === count - 1 ? last.texts : new Map<string, string>();
  const work: PassWork = { pass, watchers, now, failedFiles, before, texts: new Map() };
  yield* putDags(work);
  yield* putTriggerKinds(pass.files, failedFiles);
  yield* putAssets(work);
  yield* putImportErrors(pass.errors, now);
  return { count, texts: work.texts };
}

/** False where the pass before wrote the same. */
function isNew({ before, texts }: PassWork, key: string, text: string): boolean {
  texts.set(key, text);
  return before.get(key) !== text;
}

function* putDags(work: PassWork): Script<void> {
  const { pass, failedFiles, now } = work;
  const kept = new Set<string>();
  for (const file of pass.files) {
    for (const dag of file.dags) {
      if (isNew(work, `dag ${dag.dagId}`, JSON.stringify([file.file, file.path, file.bundleHash, dag]))) yield* putDag(file, dag, now);
      kept.add(dag.dagId);
    }
  }
  yield* retireDags(kept, failedFiles);
  const others = failedFiles.size === 0 ? "" : ` AND file NOT IN (${[...failedFiles].map(() => "?").join(", ")})`;
  yield* execute(`UPDATE dag SET loaded_at = ? WHERE is_stale = 0${others}`, now, ...failedFiles);
}

function* putDag(file: LoadedFile, snapshot: DagSnapshot, now: number): Script<void> {
  const json = Buffer.from(JSON.stringify(snapshot));
  const hash = createHash("sha256").update(file.bundleHash).update(json).digest("hex");
  const shard = createHash("sha256").update(snapshot.dagId).digest()[0]! % SHARDS;
  const dag = (yield* first<IdRow>(PUT_DAG, snapshot.dagId, file.file, shard, now, now))!.id;
  const existing = yield* first<IdRow>("SELECT id FROM dag_version WHERE dag = ? AND hash = ?", dag, hash);
  const { id } = existing ?? (yield* first<IdRow>(INSERT_VERSION, dag, dag, hash, file.bundleHash, file.path, json, now))!;
  yield* execute("UPDATE dag SET version_id = ? WHERE id = ?", id, dag);
  yield* execute("UPDATE dag_version SET retired_at = NULL WHERE id = ? AND retired_at IS NOT NULL", id);
  yield* execute("UPDATE dag_version SET retired_at = ? WHERE dag = ? AND id <> ? AND retired_at IS NULL", now, dag, id);
}

function* retireDags(kept: ReadonlySet<string>, failedFiles: ReadonlySet<string>): Script<void> {
  const rows = yield* all<IdRow & { dag_id: string; file: string }>("SELECT id, dag_id, file FROM dag WHERE is_stale = 0");
  for (const { id, dag_id: dagId, file } of rows) {
    if (!kept.has(dagId) && !failedFiles.has(file)) yield* execute("UPDATE dag SET is_stale = 1 WHERE id = ?", id);
  }
}

function* putAssets(work: PassWork): Script<void> {
  const { pass, failedFiles, watchers, now } = work;
  const assets = new Map(pass.files.flatMap(({ assets: found }) => found.map((asset) => [asset.name, asset] as const)));
  for (const asset of assets.values()) if (isNew(work, `asset ${asset.name}`, JSON.stringify(asset))) yield* putAsset(asset, watchers, now);
  // Which assets a broken file would define is not known, so none is retired until it loads again.
  if (failedFiles.size > 0) return;
  const rows = yield* all<IdRow & { name: string }>("SELECT id, name FROM asset WHERE is_stale = 0");
  for (const { id, name } of rows) {
    if (assets.has(name)) continue;
    yield* execute("UPDATE asset SET is_stale = 1 WHERE id = ?", id);
    yield* watchers.retire(id);
  }
}

function* putAsset(asset: AssetSnapshot, watchers: WatcherWriter, now: number): Script<void> {
  const schema = asset.schema === null ? null : Buffer.from(JSON.stringify(asset.schema));
  const extra = Buffer.from(JSON.stringify(asset.extra));
  const row = yield* first<IdRow>(PUT_ASSET, asset.name, asset.uri, asset.group, asset.description, extra, schema, now, now);
  yield* watchers.put(row!.id, asset.watchers, now);
}

/** Of a kind that several files bring, the first one's bundle is run. One of a file that failed stays as it was. */
function* putTriggerKinds(files: readonly LoadedFile[], failedFiles: ReadonlySet<string>): Script<void> {
  const kinds = new Map(files.toReversed().flatMap((file) => file.triggerKinds.map((kind) => [kind, file] as const)));
  const rows = yield* all<{ kind: string; file: string }>("SELECT kind, file FROM trigger_kind");
  for (const { kind, file } of rows) {
    if (!kinds.has(kind) && !failedFiles.has(file)) yield* execute("DELETE FROM trigger_kind WHERE kind = ?", kind);
  }
  for (const [kind, { file, bundleHash, path }] of kinds) yield* execute(PUT_KIND, kind, file, bundleHash, path);
}

/** An error that a file still has keeps its id. Of several of one file the first is told. */
function* putImportErrors(errors: readonly ImportError[], now: number): Script<void> {
  const byFile = new Map(errors.toReversed().map((error) => [error.file, error]));
  const rows = yield* all<{ file: string }>("SELECT file FROM import_error");
  for (const { file } of rows) if (!byFile.has(file)) yield* execute("DELETE FROM import_error WHERE file = ?", file);
  for (const { file, code, message, line, column, hint, stack } of byFile.values())
    yield* execute(PUT_ERROR, file, code, message, line, column, hint, stack, now);
}
