import type { Database } from "better-sqlite3";
import type { TriggerSnapshot, WatcherSnapshot } from "../../domain/dag-snapshot.ts";

/** Finds what equal triggers have in common: the provider's `canonical(params)`. */
export type CanonicalTrigger = (trigger: TriggerSnapshot) => string;

interface TriggerRow {
  readonly id: number;
  readonly trigger_id: number;
  readonly is_stale: number;
}

/** Stores what listens on behalf of an asset. */
export class WatcherWriter {
  readonly #db: Database;
  readonly #canonical: CanonicalTrigger;
  readonly #instance: string;

  constructor(db: Database, canonical: CanonicalTrigger, instance: string) {
    this.#db = db;
    this.#canonical = canonical;
    this.#instance = instance;
  }

  /** All of an asset's watchers; those it had and has no more are stale from then on. */
  put(assetId: number, watchers: readonly WatcherSnapshot[], now: number): void {
    this.retire(assetId);
    for (const watcher of watchers) {
      const { id } = this.#db
        .prepare(
          `INSERT INTO asset_watcher (asset_id, name, unwrap, where_text, payload, created_at) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (asset_id, name) DO UPDATE SET unwrap = excluded.unwrap, where_text = excluded.where_text,
             payload = excluded.payload, is_stale = 0 RETURNING id`,
        )
        .get(assetId, watcher.name, Buffer.from(JSON.stringify(watcher.unwrap)), watcher.where, watcher.payload, now) as { id: number };
      this.#putTriggers(id, [...new Set(watcher.triggers.map((trigger) => this.#putTrigger(trigger, now)))]);
    }
  }

  retire(assetId: number): void {
    this.#db.prepare("UPDATE asset_watcher SET is_stale = 1 WHERE asset_id = ?").run(assetId);
  }

  #putTrigger(trigger: TriggerSnapshot, now: number): number {
    const row = this.#db
      .prepare(
        `INSERT INTO trigger (kind, connection, canonical, params, created_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (kind, connection, canonical) DO UPDATE SET params = excluded.params RETURNING id`,
      )
      .get(trigger.kind, trigger.connection, this.#canonical(trigger), Buffer.from(JSON.stringify(trigger.params)), now);
    return (row as { id: number }).id;
  }

  /**
   * A trigger keeps its group where the watcher has or had an equal one; an edited one takes over the group of the one
   * in its place, so that neither reordering a list nor editing params loses a position.
   */
  #putTriggers(watcherId: number, triggerIds: readonly number[]): void {
    const rows = this.#db
      .prepare("SELECT id, trigger_id, is_stale FROM watcher_trigger WHERE watcher_id = ? ORDER BY is_stale, id")
      .all(watcherId) as TriggerRow[];
    const equal = new Map(triggerIds.flatMap((id) => rows.find((row) => row.trigger_id === id) ?? []).map((row) => [row.trigger_id, row]));
    const edited = rows.filter((row) => row.is_stale === 0 && !triggerIds.includes(row.trigger_id));
    this.#db.prepare("UPDATE watcher_trigger SET is_stale = 1 WHERE watcher_id = ?").run(watcherId);
    const update = this.#db.prepare("UPDATE watcher_trigger SET trigger_id = ?, is_stale = 0 WHERE id = ?");
    for (const triggerId of triggerIds) {
      const row = equal.get(triggerId) ?? edited.shift();
      if (row === undefined) this.#insert(watcherId, triggerId);
      else update.run(triggerId, row.id);
    }
  }

  #insert(watcherId: number, triggerId: number): void {
    const { lastInsertRowid } = this.#db
      .prepare("INSERT INTO watcher_trigger (watcher_id, trigger_id, group_name) VALUES (?, ?, '')")
      .run(watcherId, triggerId);
    const group = `millrace.${this.#instance}.${Number(lastInsertRowid).toString(36)}`;
    this.#db.prepare("UPDATE watcher_trigger SET group_name = ? WHERE id = ?").run(group, lastInsertRowid);
  }
}
