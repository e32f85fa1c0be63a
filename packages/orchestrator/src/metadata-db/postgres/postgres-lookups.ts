import type { Client } from "pg";
import type { EventReplay, ReplayItem } from "../../domain/event-replay.ts";
import type { CommitLookups } from "../commit/commit-lookups.ts";
import type { ColumnType } from "../commit/commit-tables.ts";
import type { CommitNeeds } from "../commit/commit-needs.ts";
import type { CommitRows } from "../commit/commit-rows.ts";
import type { SourceIds } from "./source-ids.ts";
import { arrayLiteral } from "./array-literal.ts";

interface Position {
  readonly sourceId: number;
  readonly partition: string;
  next: number;
  isMoved: boolean;
}

/** What was asked of the database for one commit, at its beginning and under its locks. */
export class PostgresLookups implements CommitLookups {
  readonly #sources: SourceIds;
  readonly #positions = new Map<string, Position>();
  readonly #unseen = new Set<string>();
  readonly #runs = new Set<string>();
  readonly #deadLetters = new Set<number>();
  readonly #begun = new Set<string>();
  readonly #shards = new Map<number, number>();
  readonly #triggers = new Map<number, number>();

  private constructor(sources: SourceIds) {
    this.#sources = sources;
  }

  /** Within the transaction. Locks in one order, so that no two commits wait for each other. */
  static async read(client: Client, needs: CommitNeeds, sources: SourceIds, processId: number, now: number): Promise<PostgresLookups> {
    const lookups = new PostgresLookups(sources);
    await sources.find(client, needs.sources);
    await Promise.all([
      lookups.#lockPositions(client, needs.positions),
      lookups.#see(client, needs.seen, now),
      lookups.#findRuns(client, needs.customRuns),
      lookups.#lockDeadLetters(client, needs.deadLetters),
      ...needs.replays.map(async (replay) => lookups.#beginReplay(client, replay, now)),
      lookups.#lockLeases(client, "shard", needs.shards, processId),
      lookups.#lockLeases(client, "trigger", needs.triggers, processId),
    ]);
    return lookups;
  }

  sourceId(source: string): number {
    return this.#sources.idOf(source);
  }

  advance(source: string, partition: string, offset: number): boolean {
    const position = this.#positions.get(keyOf(this.sourceId(source), partition))!;
    if (offset < position.next) return false;
    position.next = offset + 1;
    position.isMoved = true;
    return true;
  }

  see(hash: Uint8Array): boolean {
    return this.#unseen.delete(Buffer.from(hash).toString("hex"));
  }

  hasRun(dag: number, customRunId: string): boolean {
    const key = `${dag} ${customRunId}`;
    const isKnown = this.#runs.has(key);
    this.#runs.add(key);
    return isKnown;
  }

  hasDeadLetter(id: number): boolean {
    return this.#deadLetters.delete(id);
  }

  beginReplay(replayId: number, { eventId, dag }: Pick<ReplayItem, "eventId" | "dag">): boolean {
    return this.#begun.delete(`${replayId} ${eventId} ${dag}`);
  }

  holdsShard(shard: number, epoch: number): boolean {
    return this.#shards.get(shard) === epoch;
  }

  holdsTrigger(triggerId: number, epoch: number): boolean {
    return this.#triggers.get(triggerId) === epoch;
  }

  /** One row per partition, however many messages. */
  plan(rows: CommitRows): void {
    for (const { sourceId, partition, next, isMoved } of this.#positions.values()) {
      if (isMoved) rows.add("positions", [sourceId, partition, next]);
    }
  }

  async #lockPositions(client: Client, needed: CommitNeeds["positions"]): Promise<void> {
    if (needed.size === 0) return;
    const keys = [...needed].flatMap(([source, partitions]) =>
      [...partitions].map((partition) => [this.#sources.idOf(source), partition] as const),
    );
    const values = [
      arrayLiteral(
        "bigint",
        keys.map(([id]) => id),
      ),
      arrayLiteral(
        "text",
        keys.map(([, partition]) => partition),
      ),
    ];
    await this.#readPositions(client, values);
    if (this.#positions.size === keys.length) return;
    // A partition nobody has read of: its row first, so that two processes cannot both find none.
    await client.query({ name: "begin_positions", text: BEGIN_POSITIONS, values });
    await this.#readPositions(client, values);
  }

  async #readPositions(client: Client, values: readonly string[]): Promise<void> {
    const { rows } = await client.query<{ source_id: number; partition: string; next_offset: number }>({
      name: "lock_positions",
      text: LOCK_POSITIONS,
      values: [...values],
    });
    for (const { source_id: sourceId, partition, next_offset: next } of rows) {
      this.#positions.set(keyOf(sourceId, partition), { sourceId, partition, next, isMoved: false });
    }
  }

  async #see(client: Client, hashes: readonly Uint8Array[], now: number): Promise<void> {
    if (hashes.length === 0) return;
    const { rows } = await client.query<{ hash: Buffer }>({ name: "see", text: SEE, values: [arrayLiteral("bytea", hashes), now] });
    for (const { hash } of rows) this.#unseen.add(hash.toString("hex"));
  }

  async #findRuns(client: Client, wanted: CommitNeeds["customRuns"]): Promise<void> {
    if (wanted.length === 0) return;
    const dags = wanted.map(({ dag }) => dag);
    const ids = wanted.map(({ customRunId }) => customRunId);
    const values = [arrayLiteral("bigint", dags), arrayLiteral("text", ids)];
    const { rows } = await client.query<{ dag: number; id: string }>({ name: "find_runs", text: FIND_RUNS, values });
    for (const { dag, id } of rows) this.#runs.add(`${dag} ${id}`);
  }

  async #lockDeadLetters(client: Client, ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return;
    const values = [arrayLiteral("bigint", ids)];
    const { rows } = await client.query<{ id: number }>({ name: "lock_dead_letters", text: LOCK_DEAD_LETTERS, values });
    for (const { id } of rows) this.#deadLetters.add(id);
  }

  async #beginReplay(client: Client, { replayId, items }: EventReplay, now: number): Promise<void> {
    const column = (type: ColumnType, of: (item: ReplayItem) => number): string => arrayLiteral(type, items.map(of));
    const values = [
      column("bigint", ({ eventId }) => eventId),
      column("bigint", ({ dag }) => dag),
      column("integer", ({ code }) => code),
      replayId,
      now,
    ];
    const { rows } = await client.query<{ event_id: number; dag: number }>({ name: "begin_replay", text: BEGIN_REPLAY, values });
    for (const { event_id: eventId, dag } of rows) this.#begun.add(`${replayId} ${eventId} ${dag}`);
  }

  async #lockLeases(client: Client, kind: "shard" | "trigger", ids: ReadonlySet<number>, processId: number): Promise<void> {
    if (ids.size === 0) return;
    const held = kind === "shard" ? this.#shards : this.#triggers;
    const query = { name: `lock_${kind}`, text: kind === "shard" ? LOCK_SHARDS : LOCK_TRIGGERS };
    const { rows } = await client.query<{ id: number; epoch: number }>({ ...query, values: [arrayLiteral("bigint", [...ids]), processId] });
    for (const { id, epoch } of rows) held.set(id, epoch);
  }
}

const LOCK_POSITIONS = `SELECT p.source_id, p.partition, p.next_offset FROM source_position p
  JOIN unnest($1::bigint[], $2::text[]) AS u (source_id, partition) ON p.source_id = u.source_id AND p.partition = u.partition
  ORDER BY p.source_id, p.partition FOR UPDATE OF p`;
const BEGIN_POSITIONS = `INSERT INTO source_position (source_id, partition, next_offset)
  SELECT u.source_id, u.partition, 0 FROM unnest($1::bigint[], $2::text[]) AS u (source_id, partition)
  ORDER BY u.source_id, u.partition ON CONFLICT DO NOTHING`;
const SEE = `INSERT INTO message_seen (hash, at) SELECT h, $2::bigint FROM unnest($1::bytea[]) AS h ORDER BY h
  ON CONFLICT DO NOTHING RETURNING hash`;
const FIND_RUNS = `SELECT r.dag, r.custom_run_id AS id FROM dag_run r
  JOIN unnest($1::bigint[], $2::text[]) AS u (dag, id) ON r.dag = u.dag AND r.custom_run_id = u.id`;
const LOCK_DEAD_LETTERS = "SELECT id FROM dead_letter WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE";
const BEGIN_REPLAY = `INSERT INTO event_decision (event_id, dag, replay_id, code, at)
  SELECT u.event_id, u.dag, $4::bigint, u.code, $5::bigint
  FROM unnest($1::bigint[], $2::bigint[], $3::integer[]) AS u (event_id, dag, code) JOIN asset_event e ON e.id = u.event_id
  ORDER BY u.event_id, u.dag ON CONFLICT DO NOTHING RETURNING event_id, dag`;
const LOCK_SHARDS = "SELECT id, epoch FROM shard WHERE id = ANY ($1::bigint[]) AND owner_id = $2::bigint ORDER BY id FOR SHARE";

const LOCK_TRIGGERS = `SELECT trigger_id AS id, epoch FROM trigger_lease
  WHERE trigger_id = ANY ($1::bigint[]) AND owner_id = $2::bigint ORDER BY trigger_id FOR SHARE`;

function keyOf(sourceId: number, partition: string): string {
  return `${sourceId} ${partition}`;
}
