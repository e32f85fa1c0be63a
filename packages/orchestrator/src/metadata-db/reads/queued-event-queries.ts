import { type Kysely, sql } from "kysely";
import type { HeldEvents, QueuedEventFilter, QueuedEventRead, QueuedEventReads } from "../../domain/queued-event-reads.ts";
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

  /** The index of inboxes has all that is counted; only the oldest row of each is looked up. */
  async held(dagId?: string): Promise<ReadonlyMap<string, HeldEvents>> {
    let query = this.#db
      .selectFrom("dag")
      .innerJoin("pattern_event", (join) => join.onRef("pattern_event.shard", "=", "dag.shard").onRef("pattern_event.dag", "=", "dag.id"))
      .select(({ fn }) => ["dag.id", "dag.dag_id", fn.countAll<number>().as("count"), fn.min<number>("pattern_event.id").as("oldest")])
      .groupBy(["dag.id", "dag.dag_id"]);
    if (dagId !== undefined) query = query.where("dag.dag_id", "=", dagId);
    const rows = await query.execute();
    const held = new Map<string, HeldEvents>();
    for (const { id, dag_id: name, count, oldest } of rows) {
      const row = await this.#db.selectFrom("pattern_event").select("created_at").where("id", "=", oldest).executeTakeFirst();
      // Decided since it was counted.
      if (row !== undefined) held.set(name, { count, since: row.created_at, activeRuns: await this.#countActive(id) });
    }
    return held;
  }

  async #countActive(dag: number): Promise<number> {
    const active = this.#db
      .selectFrom("dag_run")
      .where("dag", "=", dag)
      .where(sql<boolean>`state < 10`);
    return (await active.select(({ fn }) => fn.countAll<number>().as("n")).executeTakeFirstOrThrow()).n;
  }
}
