import type { Kysely } from "kysely";
import type { DagFilter, DagRead, DagReads, DagVersionRead, Page, PageRequest } from "../../domain/reads.ts";
import type { DagTable, Database } from "../../domain/tables.ts";
import type { DagVersionQueries } from "./dag-version-queries.ts";

interface DagRow extends DagTable {
  /** A boolean, or 0 and 1. */
  has_import_error: boolean | number;
}

/** DAGs are few (hundreds): filters that look into the snapshot run over all of them here. */
export class DagQueries implements DagReads {
  readonly #db: Kysely<Database>;
  readonly #versions: DagVersionQueries;

  constructor(db: Kysely<Database>, versions: DagVersionQueries) {
    this.#db = db;
    this.#versions = versions;
  }

  async list(filter: DagFilter, page: PageRequest): Promise<Page<DagRead>> {
    const all = (await this.all()).filter((dag) => matches(dag, filter));
    if (page.order === "descending") all.reverse();
    return { rows: all.slice(page.offset, page.offset + page.limit), total: all.length };
  }

  async find(dagId: string): Promise<DagRead | null> {
    const rows = await this.#select().where("dag.dag_id", "=", dagId).execute();
    return (await this.#toDags(rows))[0] ?? null;
  }

  async versions(dag: DagRead): Promise<readonly DagVersionRead[]> {
    const rows = await this.#db.selectFrom("dag_version").select("id").where("dag", "=", dag.id).orderBy("number").execute();
    const found = await this.#versions.findMany(rows.map(({ id }) => id));
    return rows.map(({ id }) => found.get(id)!);
  }

  /** Every DAG, stale ones too, in order of their id strings. */
  async all(): Promise<DagRead[]> {
    return this.#toDags(await this.#select().orderBy("dag.dag_id").execute());
  }

  #select() {
    return this.#db
      .selectFrom("dag")
      .selectAll("dag")
      .select((eb) =>
        eb.exists(eb.selectFrom("import_error").select("file").whereRef("import_error.file", "=", "dag.file")).as("has_import_error"),
      )
      .$castTo<DagRow>();
  }

  async #toDags(rows: readonly DagRow[]): Promise<DagRead[]> {
    const versions = await this.#versions.findMany(rows.map((row) => row.version_id));
    return rows.map((row) => ({
      id: row.id,
      dagId: row.dag_id,
      file: row.file,
      isPaused: row.is_paused === 1,
      isStale: row.is_stale === 1,
      createdAt: row.created_at,
      loadedAt: row.loaded_at,
      hasImportError: Boolean(row.has_import_error),
      version: versions.get(row.version_id)!,
    }));
  }
}

function matches(dag: DagRead, filter: DagFilter): boolean {
  const { dagIdPart, dagIdPrefix, isPaused, hasImportError } = filter;
  return (
    !(filter.excludeStale && dag.isStale) &&
    (dagIdPart === undefined || dag.dagId.toLowerCase().includes(dagIdPart.toLowerCase())) &&
    (dagIdPrefix === undefined || dag.dagId.startsWith(dagIdPrefix)) &&
    (isPaused === undefined || dag.isPaused === isPaused) &&
    (hasImportError === undefined || dag.hasImportError === hasImportError) &&
    matchesTags(dag, filter)
  );
}

function matchesTags(dag: DagRead, { tags, tagsMatch }: DagFilter): boolean {
  if (tags === undefined || tags.length === 0) return true;
  const own = new Set(dag.version.snapshot.tags);
  return tagsMatch === "all" ? tags.every((tag) => own.has(tag)) : tags.some((tag) => own.has(tag));
}
