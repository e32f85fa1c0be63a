import type { Kysely, SelectQueryBuilder } from "kysely";
import type { DeadLetterRead, DeadLetterReads, Page, PageRequest, TimeRange } from "../../domain/reads.ts";
import type { Database, DeadLetterTable } from "../../domain/tables.ts";
import { findIdRange } from "./id-range.ts";
import { decodeHeaders } from "../stored-json.ts";

interface DeadLetterFilter {
  readonly assetId?: number | undefined;
  readonly created?: TimeRange | undefined;
}
type Row = DeadLetterTable & { asset: string | null; source: string | null };

export class DeadLetterQueries implements DeadLetterReads {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  async list(filter: DeadLetterFilter, page: PageRequest): Promise<Page<DeadLetterRead>> {
    const matching = await this.#select(filter);
    const [rows, { total }] = await Promise.all([
      withNames(matching)
        .orderBy("dead_letter.id", page.order === "descending" ? "desc" : "asc")
        .limit(page.limit)
        .offset(page.offset)
        .execute(),
      matching.select(({ fn }) => fn.countAll<number>().as("total")).executeTakeFirstOrThrow(),
    ]);
    return { rows: rows.map(toDeadLetter), total };
  }

  async find(id: number): Promise<DeadLetterRead | null> {
    const row = await withNames(this.#db.selectFrom("dead_letter").where("dead_letter.id", "=", id)).executeTakeFirst();
    return row === undefined ? null : toDeadLetter(row);
  }

  async #select({ assetId, created }: DeadLetterFilter) {
    const ids = await findIdRange(this.#db, "dead_letter", created);
    let query = this.#db.selectFrom("dead_letter").where("dead_letter.id", ">=", ids.from).where("dead_letter.id", "<", ids.before);
    if (assetId !== undefined) query = query.where("dead_letter.asset_id", "=", assetId);
    if (created?.from !== undefined) query = query.where("dead_letter.created_at", ">=", created.from);
    if (created?.before !== undefined) query = query.where("dead_letter.created_at", "<", created.before);
    return query;
  }
}

function withNames(query: SelectQueryBuilder<Database, "dead_letter", {}>) {
  return query
    .leftJoin("asset", "asset.id", "dead_letter.asset_id")
    .leftJoin("source", "source.id", "dead_letter.source_id")
    .selectAll("dead_letter")
    .select(["asset.name as asset", "source.name as source"]);
}

function toDeadLetter(row: Row): DeadLetterRead {
  return {
    id: row.id,
    assetId: row.asset_id,
    asset: row.asset,
    triggerId: row.trigger_id,
    source: row.source,
    partition: row.partition,
    offset: row.message_offset,
    messageId: row.message_id,
    value: row.value,
    messageKey: row.message_key,
    headers: decodeHeaders(row.headers),
    reasonCode: row.reason_code,
    reason: row.reason,
    createdAt: row.created_at,
  };
}
