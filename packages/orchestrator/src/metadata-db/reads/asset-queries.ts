import type { Kysely } from "kysely";
import type { AssetFilter, AssetRead, AssetReads, AssetTaskUse, AssetUse, DagRead, Page, PageRequest } from "../../domain/reads.ts";
import type { WatcherRead } from "../../domain/watcher-reads.ts";
import { assetsOf } from "../../domain/pattern-parts.ts";
import type { AssetTable, Database } from "../../domain/tables.ts";
import type { DagQueries } from "./dag-queries.ts";
import { containsText } from "./like-pattern.ts";
import { decodeJson, decodeObject } from "../stored-json.ts";
import type { WatcherQueries } from "./watcher-queries.ts";

interface LastEvent {
  readonly id: number;
  readonly createdAt: number;
}

export class AssetQueries implements AssetReads {
  readonly #db: Kysely<Database>;
  readonly #dags: DagQueries;
  readonly #watchers: WatcherQueries;

  constructor(db: Kysely<Database>, dags: DagQueries, watchers: WatcherQueries) {
    this.#db = db;
    this.#dags = dags;
    this.#watchers = watchers;
  }

  async list(filter: AssetFilter, page: PageRequest): Promise<Page<AssetRead>> {
    const dags = await this.#loadedDags();
    const matching = this.#select(filter, dags);
    const [rows, { total }] = await Promise.all([
      matching
        .selectAll()
        .orderBy("id", page.order === "descending" ? "desc" : "asc")
        .limit(page.limit)
        .offset(page.offset)
        .execute(),
      matching.select(({ fn }) => fn.countAll<number>().as("total")).executeTakeFirstOrThrow(),
    ]);
    return { rows: await this.#toAssets(rows, dags), total };
  }

  async find(id: number): Promise<AssetRead | null> {
    const rows = await this.#db.selectFrom("asset").selectAll().where("id", "=", id).execute();
    return (await this.#toAssets(rows, await this.#loadedDags()))[0] ?? null;
  }

  async #loadedDags(): Promise<readonly DagRead[]> {
    return (await this.#dags.all()).filter((dag) => !dag.isStale);
  }

  #select(filter: AssetFilter, dags: readonly DagRead[]) {
    let query = this.#db.selectFrom("asset");
    if (filter.excludeStale) query = query.where("is_stale", "=", 0);
    if (filter.namePart !== undefined) query = query.where(containsText("name", filter.namePart));
    if (filter.uriPart !== undefined) query = query.where(containsText("uri", filter.uriPart));
    if (filter.dagIds === undefined) return query;
    const used = dags.filter((dag) => filter.dagIds?.includes(dag.dagId)).flatMap(assetNames);
    return query.where("name", "in", [...new Set(used)]);
  }

  async #toAssets(rows: readonly AssetTable[], dags: readonly DagRead[]): Promise<readonly AssetRead[]> {
    const [watchers, events] = await Promise.all([this.#watchers.list(), this.#lastEvents(rows.map((row) => row.id))]);
    return rows.map((row) => toAsset(row, watchers, events.get(row.id) ?? null, dags));
  }

  async #lastEvents(assetIds: readonly number[]): Promise<ReadonlyMap<number, LastEvent>> {
    const found = await Promise.all(assetIds.map((id) => this.#lastEvent(id)));
    return new Map(found.flatMap((event, index) => (event === null ? [] : [[assetIds[index]!, event]])));
  }

  async #lastEvent(assetId: number): Promise<LastEvent | null> {
    const row = await this.#db
      .selectFrom("asset_event")
      .select(["id", "created_at as createdAt"])
      .where("asset_id", "=", assetId)
      .orderBy("id", "desc")
      .limit(1)
      .executeTakeFirst();
    return row ?? null;
  }
}

function assetNames({ version: { snapshot } }: DagRead): readonly string[] {
  return [...assetsOf(snapshot.schedule), ...snapshot.tasks.flatMap((task) => [...task.outlets, ...task.inlets])];
}

function toAsset(row: AssetTable, watchers: readonly WatcherRead[], lastEvent: LastEvent | null, dags: readonly DagRead[]): AssetRead {
  return {
    id: row.id,
    name: row.name,
    uri: row.uri,
    group: row.group_name,
    description: row.description,
    extra: decodeObject(row.extra),
    schema: row.schema === null ? null : decodeJson(row.schema),
    isStale: row.is_stale === 1,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    watchers: watchers.filter((watcher) => watcher.assetId === row.id && !watcher.isStale),
    scheduledDags: dags.filter(({ version }) => assetsOf(version.snapshot.schedule).includes(row.name)).map(toUse),
    producingTasks: dags.flatMap((dag) => taskUses(dag, row.name, "outlets")),
    consumingTasks: dags.flatMap((dag) => taskUses(dag, row.name, "inlets")),
    lastEvent,
  };
}

function toUse({ dagId, createdAt, version }: DagRead): AssetUse {
  return { dagId, createdAt, updatedAt: version.createdAt };
}

function taskUses(dag: DagRead, asset: string, side: "outlets" | "inlets"): readonly AssetTaskUse[] {
  return dag.version.snapshot.tasks.filter((task) => task[side].includes(asset)).map((task) => ({ ...toUse(dag), taskId: task.id }));
}
