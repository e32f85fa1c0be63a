import { type Kysely, type SelectQueryBuilder, sql } from "kysely";
import { DECISION_CODES, type StoredDecision } from "../../domain/decision.ts";
import type { ReplayCandidate, ReplayFilter, ReplayReads } from "../../domain/event-replay.ts";
import type { AssetEventTable, Database } from "../../domain/tables.ts";
import { decodeJson } from "../stored-json.ts";
import { toStoredEvent } from "../stores/stored-event-row.ts";
import type { DagVersionQueries } from "./dag-version-queries.ts";
import { findIdRange } from "./id-range.ts";

type EventRow = AssetEventTable & { readonly asset_name: string; readonly source_name: string | null };

interface LaterRow {
  readonly event_id: number;
  readonly dag_id: string;
  readonly run_id: number | null;
}

/** A page of messages of a megabyte each would fill the memory. */
const PAGE_BYTES = 16 * 1024 * 1024;
const BY_HAND = "by hand";

/** What a replay goes through: stored events, with what each has done so far. */
export class ReplayQueries implements ReplayReads {
  readonly #db: Kysely<Database>;
  readonly #versions: DagVersionQueries;

  constructor(db: Kysely<Database>, versions: DagVersionQueries) {
    this.#db = db;
    this.#versions = versions;
  }

  async count(filter: ReplayFilter): Promise<number> {
    const matching = await this.#select(filter);
    const { total } = await matching.select(({ fn }) => fn.countAll<number>().as("total")).executeTakeFirstOrThrow();
    return total;
  }

  async existing(ids: readonly number[]): Promise<ReadonlySet<number>> {
    const rows = await this.#db
      .selectFrom("asset_event")
      .select("id")
      .where("id", "in", [...ids])
      .execute();
    return new Set(rows.map(({ id }) => id));
  }

  async walk(filter: ReplayFilter, afterId: number, limit: number): Promise<readonly ReplayCandidate[]> {
    const ids = await this.#page(filter, afterId, limit);
    if (ids.length === 0) return [];
    const rows: EventRow[] = await this.#db
      .selectFrom("asset_event")
      .innerJoin("asset", "asset.id", "asset_event.asset_id")
      .leftJoin("source", "source.id", "asset_event.source_id")
      .selectAll("asset_event")
      .select(["asset.name as asset_name", "source.name as source_name"])
      .where("asset_event.id", "in", ids)
      .orderBy("asset_event.id")
      .execute();
    const [later, waiting] = [await this.#later(ids), await this.#waiting(ids)];
    const decisions = rows.map((row) => decodeJson<readonly StoredDecision[]>(row.decisions));
    const versions = await this.#versions.findMany(decisions.flat().map(([versionId]) => versionId));
    const nameOf = ([versionId]: StoredDecision): string[] => {
      const name = versions.get(versionId)?.dagId;
      return name === undefined ? [] : [name];
    };
    return rows.map((row, index) => {
      const [first, after] = [decisions[index]!, later.get(row.id) ?? []];
      const ran = [...first.filter(([, code]) => code === DECISION_CODES.run).flatMap(nameOf), ...after.flatMap(ranOf)];
      return {
        event: toStoredEvent(row),
        source: row.source_name,
        partition: row.partition,
        offset: row.message_offset,
        messageId: row.message_id,
        decidedFor: [...new Set([...first.flatMap(nameOf), ...after.map((one) => one.dag_id)])],
        ranIn: ran,
        waitsFor: (waiting.get(row.id) ?? []).map((one) => one.dag_id),
        isOfOneRun: first.some(([, , , reason]) => reason === BY_HAND),
      };
    });
  }

  /** By their sizes first, so that no more is read than fits. */
  async #page(filter: ReplayFilter, afterId: number, limit: number): Promise<readonly number[]> {
    const matching = (await this.#select(filter)).where("asset_event.id", ">", afterId);
    const bytes = sql<number>`length(asset_event.payload)`.as("bytes");
    const rows = await matching.select(["asset_event.id as id", bytes]).orderBy("asset_event.id").limit(limit).execute();
    let sum = 0;
    return rows.filter((row, index) => (sum += row.bytes) <= PAGE_BYTES || index === 0).map(({ id }) => id);
  }

  async #later(ids: readonly number[]): Promise<ReadonlyMap<number, readonly LaterRow[]>> {
    const rows = await this.#db
      .selectFrom("event_decision")
      .innerJoin("dag", "dag.id", "event_decision.dag")
      .select(["event_id", "dag.dag_id", "run_id"])
      .where("event_id", "in", ids)
      .execute();
    return Map.groupBy(rows, (row) => row.event_id);
  }

  async #waiting(ids: readonly number[]): Promise<ReadonlyMap<number, readonly Pick<LaterRow, "event_id" | "dag_id">[]>> {
    const rows = await this.#db
      .selectFrom("pattern_event")
      .innerJoin("dag", "dag.id", "pattern_event.dag")
      .select(["event_id", "dag.dag_id"])
      .where("event_id", "in", ids)
      .execute();
    return Map.groupBy(rows, (row) => row.event_id);
  }

  async #select({ ids: only, assetId, created }: ReplayFilter): Promise<SelectQueryBuilder<Database, "asset_event", {}>> {
    const range = await findIdRange(this.#db, "asset_event", created);
    let query = this.#db.selectFrom("asset_event").where("asset_event.id", ">=", range.from).where("asset_event.id", "<", range.before);
    if (only !== undefined) query = query.where("asset_event.id", "in", [...only]);
    if (assetId !== undefined) query = query.where("asset_event.asset_id", "=", assetId);
    if (created?.from !== undefined) query = query.where("asset_event.created_at", ">=", created.from);
    if (created?.before !== undefined) query = query.where("asset_event.created_at", "<", created.before);
    return query;
  }
}

function ranOf({ dag_id: dagId, run_id: runId }: LaterRow): string[] {
  return runId === null ? [] : [dagId];
}
