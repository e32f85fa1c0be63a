import type { Kysely } from "kysely";
import type { DagSnapshot } from "../../domain/dag-snapshot.ts";
import type { DagVersionRead } from "../../domain/reads.ts";
import type { Database } from "../../domain/tables.ts";
import { decodeJson } from "../stored-json.ts";

const MAX_CACHED = 1_000;
const VERSIONS_PER_STEP = 100;

/** Versions never change, so what was read once is kept. */
export class DagVersionQueries {
  readonly #db: Kysely<Database>;
  readonly #cache = new Map<number, DagVersionRead>();

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  async findMany(ids: Iterable<number>): Promise<ReadonlyMap<number, DagVersionRead>> {
    const wanted = [...new Set(ids)];
    const found = new Map<number, DagVersionRead>();
    for (const id of wanted) {
      const version = this.#cache.get(id);
      if (version !== undefined) found.set(id, version);
    }
    const missing = wanted.filter((id) => !found.has(id));
    if (missing.length === 0) return found;
    for (const version of await this.#read(missing)) {
      this.#keep(version);
      found.set(version.id, version);
    }
    return found;
  }

  /** Where a task of that id is: its index, and the versions that have it there. What is read for it is not kept. */
  async placesOf(taskId: string, dagId: string | undefined): Promise<ReadonlyMap<number, readonly number[]>> {
    const places = new Map<number, number[]>();
    let afterId = 0;
    for (;;) {
      let page = this.#db.selectFrom("dag_version").select(["dag_version.id", "snapshot"]).where("dag_version.id", ">", afterId);
      if (dagId !== undefined) page = page.innerJoin("dag", "dag.id", "dag_version.dag").where("dag.dag_id", "=", dagId);
      const rows = await page.orderBy("dag_version.id").limit(VERSIONS_PER_STEP).execute();
      for (const { id, snapshot } of rows) {
        const index = decodeJson<DagSnapshot>(snapshot).tasks.findIndex((task) => task.id === taskId);
        if (index >= 0) places.set(index, [...(places.get(index) ?? []), id]);
        afterId = id;
      }
      if (rows.length < VERSIONS_PER_STEP) return places;
    }
  }

  async #read(ids: readonly number[]): Promise<readonly DagVersionRead[]> {
    const rows = await this.#db
      .selectFrom("dag_version")
      .innerJoin("dag", "dag.id", "dag_version.dag")
      .selectAll("dag_version")
      .select("dag.dag_id")
      .where("dag_version.id", "in", ids)
      .execute();
    return rows.map((row) => ({
      id: row.id,
      dag: row.dag,
      dagId: row.dag_id,
      number: row.number,
      hash: row.hash,
      bundleHash: row.bundle_hash,
      sourcePath: row.source_path,
      createdAt: row.created_at,
      snapshot: decodeJson<DagSnapshot>(row.snapshot),
    }));
  }

  #keep(version: DagVersionRead): void {
    const oldest = this.#cache.size >= MAX_CACHED ? this.#cache.keys().next().value : undefined;
    if (oldest !== undefined) this.#cache.delete(oldest);
    this.#cache.set(version.id, version);
  }
}
