import type { Kysely } from "kysely";
import type { EnvelopeName } from "../../domain/dag-snapshot.ts";
import type { IngestCountRead, IngestCountReason, WatcherRead, WatcherReads } from "../../domain/watcher-reads.ts";
import type { Database } from "../../domain/tables.ts";
import { decodeJson, decodeObject } from "../stored-json.ts";

const MINUTE_MS = 60_000;

export class WatcherQueries implements WatcherReads {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** Watchers are few: all of them, by asset and name. */
  async list(): Promise<readonly WatcherRead[]> {
    const rows = await this.#db
      .selectFrom("watcher_trigger")
      .innerJoin("asset_watcher", "asset_watcher.id", "watcher_trigger.watcher_id")
      .innerJoin("asset", "asset.id", "asset_watcher.asset_id")
      .innerJoin("trigger", "trigger.id", "watcher_trigger.trigger_id")
      .select(["watcher_trigger.id", "watcher_trigger.trigger_id", "watcher_trigger.group_name", "watcher_trigger.is_stale as isOld"])
      .select(["asset_watcher.asset_id", "asset_watcher.name", "asset_watcher.unwrap", "asset_watcher.where_text", "asset_watcher.payload"])
      .select(["asset_watcher.is_stale", "asset_watcher.created_at"])
      .select(["asset.name as asset", "trigger.kind", "trigger.connection", "trigger.params"])
      .orderBy("asset.name")
      .orderBy("asset_watcher.name")
      .orderBy("watcher_trigger.id")
      .execute();
    return rows.map((row) => ({
      id: row.id,
      assetId: row.asset_id,
      asset: row.asset,
      name: row.name,
      triggerId: row.trigger_id,
      kind: row.kind,
      connection: row.connection,
      params: decodeObject(row.params),
      groupName: row.group_name,
      unwrap: decodeJson<readonly EnvelopeName[]>(row.unwrap),
      where: row.where_text,
      payload: row.payload,
      isStale: row.is_stale === 1 || row.isOld === 1,
      createdAt: row.created_at,
    }));
  }

  async counts(since: number): Promise<readonly IngestCountRead[]> {
    const rows = await this.#db
      .selectFrom("ingest_count")
      .selectAll()
      .where("trigger_id", "in", this.#db.selectFrom("trigger").select("id"))
      .where("minute", ">=", Math.floor(since / MINUTE_MS))
      .orderBy("minute")
      .execute();
    const groups = Map.groupBy(rows, ({ trigger_id: id, reason }) => `${id} ${reason}`);
    return [...groups.values()].map((group) => {
      const newest = group.at(-1)!;
      const count = group.reduce((sum, { n }) => sum + n, 0);
      return {
        triggerId: newest.trigger_id,
        reason: newest.reason as IngestCountReason,
        count,
        samples: JSON.parse(newest.samples) as string[],
      };
    });
  }
}
