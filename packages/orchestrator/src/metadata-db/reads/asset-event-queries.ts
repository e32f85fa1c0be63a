import { type Kysely, type RawBuilder, type SelectQueryBuilder, sql } from "kysely";
import { DECISION_CODES, decisionName, type StoredDecision } from "../../domain/decision.ts";
import { commitNumberOf, firstIdOf } from "../../domain/ids.ts";
import type {
  AssetEventFilter,
  AssetEventRead,
  AssetEventReads,
  DagRunRead,
  DagRunReads,
  DecisionRead,
  Page,
  PageRequest,
} from "../../domain/reads.ts";
import type { Database, EventDecisionTable } from "../../domain/tables.ts";
import { type EventRow, toAssetEvent } from "./asset-event-row.ts";
import type { DagVersionQueries } from "./dag-version-queries.ts";
import { findIdRange } from "./id-range.ts";
import { containsText } from "./like-pattern.ts";
import { decodeJson } from "../stored-json.ts";

type EventQuery = SelectQueryBuilder<Database, "asset_event", {}>;

const NOTHING: Page<never> = { rows: [], total: 0 };

export class AssetEventQueries implements AssetEventReads {
  readonly #db: Kysely<Database>;
  readonly #runs: DagRunReads;
  readonly #versions: DagVersionQueries;

  constructor(db: Kysely<Database>, runs: DagRunReads, versions: DagVersionQueries) {
    this.#db = db;
    this.#runs = runs;
    this.#versions = versions;
  }

  async list(filter: AssetEventFilter, page: PageRequest): Promise<Page<AssetEventRead>> {
    const matching = await this.#select(filter);
    if (matching === null) return NOTHING;
    const order = page.order === "descending" ? "desc" : "asc";
    const [rows, { total }] = await Promise.all([
      withNames(matching.where("asset_event.id", ">=", 0).orderBy("asset_event.id", order).limit(page.limit).offset(page.offset)).execute(),
      matching.select(({ fn }) => fn.countAll<number>().as("total")).executeTakeFirstOrThrow(),
    ]);
    return { rows: await this.#toEvents(rows), total };
  }

  async find(id: number): Promise<AssetEventRead | null> {
    return (await this.#findMany([id]))[0] ?? null;
  }

  async listOfRun(run: DagRunRead): Promise<readonly AssetEventRead[]> {
    const more = await this.#db.selectFrom("dag_run_event").select("event_id").where("run_id", "=", run.id).execute();
    const ids = [...(run.eventId === null ? [] : [run.eventId]), ...more.map((row) => row.event_id)];
    return this.#findMany([...new Set(ids)]);
  }

  async decisions(event: AssetEventRead): Promise<readonly DecisionRead[]> {
    const row = await this.#db.selectFrom("asset_event").select("decisions").where("id", "=", event.id).executeTakeFirst();
    const stored = row === undefined ? [] : readDecisions(event.id, row.decisions);
    const later = await this.#db
      .selectFrom("event_decision")
      .innerJoin("dag", "dag.id", "event_decision.dag")
      .selectAll("event_decision")
      .select("dag.dag_id")
      .where("event_id", "=", event.id)
      .execute();
    const runs = await this.#runs.findMany([...stored, ...later].flatMap(({ run_id: runId }) => (runId === null ? [] : [runId])));
    const versions = await this.#versions.findMany(stored.map(({ versionId }) => versionId));
    const atIngest = stored.flatMap(({ versionId, code, run_id: runId, reason }): DecisionRead[] => {
      const version = versions.get(versionId) ?? null;
      const run = runId === null ? null : (runs.get(runId) ?? null);
      return [
        {
          dagId: version?.dagId ?? "",
          replayId: null,
          decision: decisionName(code),
          version,
          reason,
          run,
          until: null,
          at: event.createdAt,
        },
      ];
    });
    const inOrder = later.toSorted((a, b) => a.at - b.at);
    const decidedLater = new Set(later.filter((row) => row.replay_id === 0).map((row) => row.dag_id));
    return [...atIngest.filter(({ dagId }) => !decidedLater.has(dagId)), ...inOrder.map((row) => toLaterDecision(row, runs))];
  }

  async #findMany(ids: readonly number[]): Promise<readonly AssetEventRead[]> {
    if (ids.length === 0) return [];
    const query = this.#db.selectFrom("asset_event").where("asset_event.id", "in", ids).orderBy("asset_event.id");
    return this.#toEvents(await withNames(query).execute());
  }

  /** null where the filter names something that is not there. */
  async #select(filter: AssetEventFilter): Promise<EventQuery | null> {
    const source = await this.#sourceOf(filter);
    if (source === null) return null;
    const created = source?.created ?? filter.created;
    const ids = await findIdRange(this.#db, "asset_event", created);
    let query: EventQuery = this.#db.selectFrom("asset_event");
    if (!ids.isAll) query = query.where("asset_event.id", ">=", ids.from).where("asset_event.id", "<", ids.before);
    if (filter.assetId !== undefined) query = query.where("asset_id", "=", filter.assetId);
    if (filter.namePart !== undefined) query = query.where("asset_id", "in", this.#assetsNamed(filter.namePart));
    if (source !== undefined) query = query.where(source.condition);
    if (filter.sourceMapIndex !== undefined) query = query.where("map_index", "=", filter.sourceMapIndex);
    if (filter.created?.from !== undefined) query = query.where("asset_event.created_at", ">=", filter.created.from);
    if (filter.created?.before !== undefined) query = query.where("asset_event.created_at", "<", filter.created.before);
    return query;
  }

  #assetsNamed(part: string) {
    return this.#db.selectFrom("asset").select("asset.id").where(containsText("asset.name", part));
  }

  /**
   * Which tasks brought the events: undefined where any will do, null where there is no such DAG or run. One run's
   * events lie between its creation and its end, which spares an index on asset_event.run_id.
   */
  async #sourceOf({ sourceDagId, sourceTaskId, sourceRunId, created }: AssetEventFilter) {
    if (sourceDagId === undefined && sourceTaskId === undefined && sourceRunId === undefined) return undefined;
    if (sourceRunId !== undefined) {
      const run = await this.#findRun(sourceDagId, sourceRunId);
      if (run === null) return null;
      const task = sourceTaskId === undefined ? undefined : run.version.snapshot.tasks.findIndex(({ id }) => id === sourceTaskId);
      const condition = sql<boolean>`asset_event.run_id = ${run.id}${task === undefined ? sql`` : sql` and asset_event.task_index = ${task}`}`;
      const ended = run.endedAt === null ? {} : { before: run.endedAt + 1 };
      return { condition, created: { from: run.createdAt, ...ended, ...created } };
    }
    const dag = sourceDagId === undefined ? sql`` : sql` and d.dag_id = ${sourceDagId}`;
    const task = sourceTaskId === undefined ? sql`` : sql` and ${isTask(await this.#versions.placesOf(sourceTaskId, sourceDagId))}`;
    const condition = sql<boolean>`asset_event.run_id is not null and exists
      (select 1 from dag_run r join dag d on d.id = r.dag where r.id = asset_event.run_id${dag}${task})`;
    return { condition, created };
  }

  async #findRun(dagId: string | undefined, dagRunId: string): Promise<DagRunRead | null> {
    if (dagId !== undefined) return this.#runs.find(dagId, dagRunId);
    const dags = await this.#db.selectFrom("dag").select("dag_id").execute();
    const found = await Promise.all(dags.map((dag) => this.#runs.find(dag.dag_id, dagRunId)));
    return found.find((run) => run !== null) ?? null;
  }

  async #toEvents(rows: readonly EventRow[]): Promise<readonly AssetEventRead[]> {
    const created = await this.#createdRunIds(rows);
    const sources = rows.flatMap((row) => (row.run_id === null ? [] : [row.run_id]));
    const runs = await this.#runs.findMany([...new Set([...sources, ...[...created.values()].flat()])]);
    return rows.map((row) => {
      const createdRuns = (created.get(row.id) ?? []).flatMap((id) => runs.get(id) ?? []);
      return toAssetEvent(row, row.run_id === null ? null : (runs.get(row.run_id) ?? null), createdRuns);
    });
  }

  async #createdRunIds(rows: readonly EventRow[]): Promise<ReadonlyMap<number, readonly number[]>> {
    if (rows.length === 0) return new Map();
    const ids = rows.map((row) => row.id);
    const later = await this.#db
      .selectFrom("event_decision")
      .select(["event_id", "run_id"])
      .where("event_id", "in", ids)
      .where("run_id", "is not", null)
      .execute();
    const atIngest = rows.flatMap((row) => readDecisions(row.id, row.decisions).map(({ run_id }) => ({ event_id: row.id, run_id })));
    const grouped = Map.groupBy([...atIngest, ...later], (row) => row.event_id);
    return new Map([...grouped].map(([id, found]) => [id, [...new Set(found.flatMap((row) => row.run_id ?? []))]]));
  }
}

/** Of the run `r` and its event: where the task is in the versions that have it. */
function isTask(places: ReadonlyMap<number, readonly number[]>): RawBuilder<boolean> {
  if (places.size === 0) return sql<boolean>`0 = 1`;
  const conditions = [...places].map(
    ([index, versions]) => sql`(asset_event.task_index = ${index} and r.version_id in (${sql.join(versions)}))`,
  );
  return sql<boolean>`(${sql.join(conditions, sql` or `)})`;
}

function withNames(query: EventQuery): SelectQueryBuilder<Database, any, EventRow> {
  return query
    .leftJoin("asset", "asset.id", "asset_event.asset_id")
    .leftJoin("source", "source.id", "asset_event.source_id")
    .selectAll("asset_event")
    .select(["asset.name as asset_name", "asset.uri as asset_uri", "asset.group_name as asset_group", "source.name as source_name"]);
}

function readDecisions(eventId: number, bytes: Uint8Array) {
  const base = firstIdOf(commitNumberOf(eventId));
  return decodeJson<readonly StoredDecision[]>(bytes)
    .filter(([, code]) => code !== DECISION_CODES.no_subscriber)
    .map(([versionId, code, ordinal, reason]) => ({
      versionId,
      code,
      run_id: ordinal === null ? null : base + ordinal,
      reason: reason ?? null,
    }));
}

function toLaterDecision(row: EventDecisionTable & { dag_id: string }, runs: ReadonlyMap<number, DagRunRead>): DecisionRead {
  const run = row.run_id === null ? null : (runs.get(row.run_id) ?? null);
  const { reason, until, at } = row;
  const replayId = row.replay_id === 0 ? null : row.replay_id;
  return { dagId: row.dag_id, replayId, decision: decisionName(row.code), version: run?.version ?? null, reason, run, until, at };
}
