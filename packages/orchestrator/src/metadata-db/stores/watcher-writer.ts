import type { TriggerSnapshot, WatcherSnapshot } from "../../domain/dag-snapshot.ts";
import { all, execute, first, type Script } from "../sql-script.ts";

/** Finds what equal triggers have in common: the provider's `canonical(params)`. */
export type CanonicalTrigger = (trigger: TriggerSnapshot) => string;

interface TriggerRow {
  readonly id: number;
  readonly trigger_id: number;
  readonly is_stale: number;
}

interface IdRow {
  readonly id: number;
}

const PUT_WATCHER = `INSERT INTO asset_watcher (asset_id, name, unwrap, where_text, payload, created_at) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (asset_id, name) DO UPDATE SET unwrap = excluded.unwrap, where_text = excluded.where_text,
    payload = excluded.payload, is_stale = 0 RETURNING id`;
const PUT_TRIGGER = `INSERT INTO trigger (kind, connection, canonical, params, created_at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (kind, connection, canonical) DO UPDATE SET params = excluded.params RETURNING id`;

/** Stores what listens on behalf of an asset, within the transaction of a load pass. */
export class WatcherWriter {
  readonly #canonical: CanonicalTrigger;
  readonly #instance: string;

  constructor(canonical: CanonicalTrigger, instance: string) {
    this.#canonical = canonical;
    this.#instance = instance;
  }

  /** All of an asset's watchers; those it had and has no more are stale from then on. */
  *put(assetId: number, watchers: readonly WatcherSnapshot[], now: number): Script<void> {
    yield* this.retire(assetId);
    for (const { name, unwrap, where, payload, triggers } of watchers) {
      const row = yield* first<IdRow>(PUT_WATCHER, assetId, name, Buffer.from(JSON.stringify(unwrap)), where, payload, now);
      const ids = new Set<number>();
      for (const trigger of triggers) ids.add(yield* this.#putTrigger(trigger, now));
      yield* this.#putTriggers(row!.id, [...ids]);
    }
  }

  *retire(assetId: number): Script<void> {
    yield* execute("UPDATE asset_watcher SET is_stale = 1 WHERE asset_id = ?", assetId);
  }

  *#putTrigger(trigger: TriggerSnapshot, now: number): Script<number> {
    const { kind, connection, params } = trigger;
    const row = yield* first<IdRow>(PUT_TRIGGER, kind, connection, this.#canonical(trigger), Buffer.from(JSON.stringify(params)), now);
    return row!.id;
  }

  /**
   * A trigger keeps its group where the watcher has or had an equal one; an edited one takes over the group of the one
   * in its place, so that neither reordering a list nor editing params loses a position.
   */
  *#putTriggers(watcherId: number, triggerIds: readonly number[]): Script<void> {
    const sql = "SELECT id, trigger_id, is_stale FROM watcher_trigger WHERE watcher_id = ? ORDER BY is_stale, id";
    const rows = yield* all<TriggerRow>(sql, watcherId);
    const equal = new Map(triggerIds.flatMap((id) => rows.find((row) => row.trigger_id === id) ?? []).map((row) => [row.trigger_id, row]));
    const edited = rows.filter((row) => row.is_stale === 0 && !triggerIds.includes(row.trigger_id));
    yield* execute("UPDATE watcher_trigger SET is_stale = 1 WHERE watcher_id = ?", watcherId);
    for (const triggerId of triggerIds) {
      const row = equal.get(triggerId) ?? edited.shift();
      if (row === undefined) yield* this.#insert(watcherId, triggerId);
      else yield* execute("UPDATE watcher_trigger SET trigger_id = ?, is_stale = 0 WHERE id = ?", triggerId, row.id);
    }
  }

  *#insert(watcherId: number, triggerId: number): Script<void> {
    const sql = "INSERT INTO watcher_trigger (watcher_id, trigger_id, group_name) VALUES (?, ?, '') RETURNING id";
    const row = yield* first<IdRow>(sql, watcherId, triggerId);
    const group = `millrace.${this.#instance}.${row!.id.toString(36)}`;
    yield* execute("UPDATE watcher_trigger SET group_name = ? WHERE id = ?", group, row!.id);
  }
}
