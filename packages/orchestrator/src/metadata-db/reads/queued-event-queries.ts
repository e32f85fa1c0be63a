import type { Kysely } from "kysely";
import type { QueuedEventFilter, QueuedEventRead, QueuedEventReads } from "../../domain/queued-event-reads.ts";
import type { Database } from "../../domain/tables.ts";

export class QueuedEventQueries implements QueuedEventReads {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** By way of the DAG, whose shard leads into the index. */
  async list({ dagId, assetId, before }: QueuedEventFilter): Promise<readonly QueuedEventRead[]> {
    let query = this.#db
      .selectFrom("dag")
      .innerJoin("pattern_event", (join) => join.onRef("pattern_event.shard", "=", "dag.shard").onRef("pattern_event.dag", "=", "dag.id"))
      .innerJoin("asset_event", "asset_event.id", "pattern_event.event_id")
      .select(({ fn }) => [
        "dag.dag_id as dagId",
        "asset_event.asset_id as assetId",
        fn.min<number>("asset_event.created_at").as("createdAt"),
        fn.countAll<number>().as("count"),
      ])
      .groupBy(["dag.dag_id", "asset_event.asset_id"])
      .orderBy("dag.dag_id")
      .orderBy("asset_event.asset_id");
    if (dagId !== undefined) query = query.where("dag.dag_id", "=", dagId);
    if (assetId !== undefined) query = query.where("asset_event.asset_id", "=", assetId);
    if (before !== undefined) query = query.where("asset_event.created_at", "<", before);
    return query.execute();
  }
}
