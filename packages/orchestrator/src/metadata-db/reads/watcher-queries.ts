import type { Kysely } from "kysely";
import type { DuplicateRead, WatcherRead, WatcherReads } from "../../domain/reads.ts";
import type { Database } from "../../domain/tables.ts";
import { decodeObject } from "../stored-json.ts";

const MINUTE_MS = 60_000;

export class WatcherQueries implements WatcherReads {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** Watchers are few: all of them, by asset and name. */
  async list(): Promise<readonly WatcherRead[]> {
    const rows = await this.#db
      .selectFrom("asset_watcher")
      .innerJoin("asset", "asset.id", "asset_watcher.asset_id")
      .innerJoin("trigger", "trigger.id", "asset_watcher.trigger_id")
      .selectAll("asset_watcher")
      .select(["asset.name as asset", "trigger.kind", "trigger.connection", "trigger.params"])
      .orderBy("asset.name")
      .orderBy("asset_watcher.name")
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
      isStale: row.is_stale === 1,
      createdAt: row.created_at,
    }));
  }

  /** SQLite gives `sample` from the row that has the maximum. */
  async duplicates(since: number): Promise<readonly DuplicateRead[]> {
    const rows = await this.#db
      .selectFrom("ingest_count")
      .select(({ fn }) => ["trigger_id as triggerId", fn.sum<number>("n").as("count"), fn.max("id").as("newest"), "sample"])
      .where("reason", "=", "duplicate")
      .where("trigger_id", "in", this.#db.selectFrom("trigger").select("id"))
      .where("minute", ">=", Math.floor(since / MINUTE_MS))
      .groupBy("trigger_id")
      .execute();
    return rows.map(({ triggerId, count, sample }) => ({ triggerId, count, sample }));
  }
}
