import type { Kysely } from "kysely";
import type { DagSnapshot } from "../../domain/dag-snapshot.ts";
import type { DagRetention, RetentionReads } from "../../domain/retention.ts";
import type { Database } from "../../domain/tables.ts";
import { decodeJson } from "../stored-json.ts";

export class RetentionQueries implements RetentionReads {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  async dags(): Promise<readonly DagRetention[]> {
    const rows = await this.#db
      .selectFrom("dag")
      .innerJoin("dag_version", "dag_version.id", "dag.version_id")
      .select(["dag.id", "snapshot"])
      .orderBy("dag.id")
      .execute();
    return rows.map(({ id, snapshot }) => ({ dag: id, retention: decodeJson<DagSnapshot>(snapshot).retention ?? null }));
  }

  /** Counted by the smallest index; then only what is too much is walked. */
  async overflow(table: "dag_run" | "asset_event" | "dead_letter", keep: number): Promise<number | null> {
    const { total } = await this.#db
      .selectFrom(table)
      .select(({ fn }) => fn.countAll<number>().as("total"))
      .executeTakeFirstOrThrow();
    if (total <= keep) return null;
    const newest = this.#db
      .selectFrom(table)
      .select("created_at")
      .orderBy("id")
      .offset(total - keep - 1)
      .limit(1);
    return (await newest.executeTakeFirst())?.created_at ?? null;
  }

  async bundleHashes(): Promise<ReadonlySet<string>> {
    const versions = await this.#db.selectFrom("dag_version").select("bundle_hash").distinct().execute();
    const kinds = await this.#db.selectFrom("trigger_kind").select("bundle_hash").distinct().execute();
    return new Set([...versions, ...kinds].map(({ bundle_hash: hash }) => hash));
  }
}
