import type { PurgeReceipt, PurgeStep } from "../../domain/retention.ts";
import { all, execute, first, type Script } from "../sql-script.ts";
import { idAfter, type PurgePace, STEP_ROWS, type TablePurge, walkRows, type WalkedRow } from "./table-purge.ts";

/** Two clock readings a day apart are in the order of their commits. */
const DAY_MS = 86_400_000;

type Row = WalkedRow & { readonly dag: number; readonly retired_at: number | null };

const SELECT = "SELECT id, created_at AS at, dag, retired_at FROM dag_version WHERE id > ? ORDER BY id LIMIT ?";
const OLDEST_EVENT = "SELECT created_at AS at FROM asset_event ORDER BY id LIMIT 1";
/** One that a load pass uses again is as new. */
const UNUSED_BUNDLES = `DELETE FROM bundle WHERE created_at < ?
  AND NOT EXISTS (SELECT 1 FROM dag_version v WHERE v.bundle_hash = bundle.hash)
  AND NOT EXISTS (SELECT 1 FROM trigger_kind k WHERE k.bundle_hash = bundle.hash)`;
const CURRENT = "SELECT 1 AS one FROM dag WHERE id = ? AND version_id = ?";

/** Dag versions that were replaced before the oldest event that is kept, and of which no run is kept. */
export class VersionPurge implements TablePurge {
  readonly #pace: PurgePace;
  readonly #firstRun: string;
  readonly #firstRunSince: string;
  readonly #hasRun: string;
  readonly #hasBundles: boolean;

  /** `byDag` leads SQLite to the index of a DAG's runs; `hasBundles` where bundles are rows, and no files. */
  constructor(pace: PurgePace, byDag: string, hasBundles: boolean) {
    this.#pace = pace;
    this.#hasBundles = hasBundles;
    this.#firstRun = `SELECT created_at AS at FROM dag_run ${byDag} WHERE dag = ? ORDER BY id LIMIT 1`;
    this.#firstRunSince = `SELECT id FROM dag_run ${byDag} WHERE dag = ? AND created_at >= ? ORDER BY id LIMIT 1`;
    this.#hasRun = `SELECT 1 AS one FROM dag_run ${byDag} WHERE dag = ? AND id < ? AND version_id = ? LIMIT 1`;
  }

  *step(step: PurgeStep): Script<PurgeReceipt> {
    const oldest = step.isDryRun ? undefined : (yield* first<{ at: number }>(OLDEST_EVENT))?.at;
    const before = Math.min(step.before, oldest ?? Number.POSITIVE_INFINITY) - DAY_MS;
    const rows = yield* all<Row>(SELECT, idAfter(step), STEP_ROWS);
    const receipt = yield* walkRows(rows, step, this.#pace, (chunk) => this.#take(chunk, step, before));
    if (this.#hasBundles && receipt.next === null && !step.isDryRun) yield* execute(UNUSED_BUNDLES, step.before);
    return receipt;
  }

  *#take(rows: readonly Row[], step: PurgeStep, before: number): Script<number> {
    const retired = rows.filter(({ retired_at: at }) => at !== null && at < before);
    // Counted as if the runs and events before it had gone.
    if (step.isDryRun) return retired.length;
    let purged = 0;
    for (const { id, dag, retired_at: at } of retired) {
      if ((yield* first(CURRENT, dag, id)) !== undefined || (yield* this.#isInUse({ dag, id, at }, step))) continue;
      yield* execute("DELETE FROM dag_version WHERE id = ?", id);
      purged += 1;
    }
    return purged;
  }

  /** Runs that came after it was replaced are of others, so only the few that the purge has spared are looked through. */
  *#isInUse({ dag, id, at }: { readonly dag: number; readonly id: number; readonly at: number | null }, step: PurgeStep): Script<boolean> {
    if (step.keptLonger.includes(dag)) {
      const oldest = (yield* first<{ at: number }>(this.#firstRun, dag))?.at ?? Number.POSITIVE_INFINITY;
      return at === null || oldest <= at + DAY_MS;
    }
    const bound = (yield* first<{ id: number }>(this.#firstRunSince, dag, step.before))?.id ?? Number.MAX_SAFE_INTEGER;
    return (yield* first(this.#hasRun, dag, bound, id)) !== undefined;
  }
}
