import type { Kysely, SelectQueryBuilder } from "kysely";
import type { DeadLetterFilter, DeadLetterRead, DeadLetterReads, Page, PageRequest } from "../../domain/reads.ts";
import type { Database, DeadLetterTable } from "../../domain/tables.ts";
import { findIdRange } from "./id-range.ts";
import { decodeHeaders } from "../stored-json.ts";

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

  async walk(filter: DeadLetterFilter, afterId: number, limit: number): Promise<readonly DeadLetterRead[]> {
    const matching = (await this.#select(filter)).where("dead_letter.id", ">", afterId);
    const rows = await withNames(matching).orderBy("dead_letter.id").limit(limit).execute();
    return rows.map(toDeadLetter);
  }

  async walkIds(filter: DeadLetterFilter, afterId: number, limit: number): Promise<readonly number[]> {
    const matching = (await this.#select(filter)).where("dead_letter.id", ">", afterId);
    const rows = await matching.select("dead_letter.id as id").orderBy("dead_letter.id").limit(limit).execute();
    return rows.map(({ id }) => id);
  }

  async #select({ ids: only, assetId, reasonCode, created }: DeadLetterFilter) {
    const ids = await findIdRange(this.#db, "dead_letter", created);
    let query = this.#db.selectFrom("dead_letter").where("dead_letter.id", ">=", ids.from).where("dead_letter.id", "<", ids.before);
    if (only !== undefined) query = query.where("dead_letter.id", "in", [...only]);
    if (reasonCode !== undefined) query = query.where("dead_letter.reason_code", "=", reasonCode);
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
