import { CancellableWait } from "../domain/cancellable-wait.ts";
import type { Clock } from "../domain/clock.ts";
import type { Committer } from "../domain/committer.ts";
import type { Log } from "../domain/log.ts";
import {
  type DagRetention,
  type PurgeCursor,
  PURGED_TABLES,
  type PurgedTable,
  type PurgeReport,
  type PurgeRequest,
  type PurgeStep,
  type RetentionReads,
} from "../domain/retention.ts";
import type { Service } from "../domain/service.ts";
import { deleteUnusedBundles } from "./unused-bundles.ts";

export interface RetentionOptions {
  readonly committer: Pick<Committer, "purge">;
  readonly reads: RetentionReads;
  readonly clock: Clock;
  readonly log: Log;
  /** One process of those on a metadata DB does it. Left out: this one. */
  readonly mayRun?: () => boolean;
  /** Of all bundles, absolute. */
  readonly bundlesFolder: string;
  /** Infinite: nothing goes for its age. */
  readonly retentionMs: number;
  readonly retentionRows: number;
  /** Between two steps: of the writer's time, a step's few milliseconds are then the lesser part. */
  readonly pauseMs: number;
}

const FIRST_PASS_MS = 60_000;
const PASS_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Above the 14 days for which SQS may bring a message again (P2). */
const SEEN_MS = 15 * DAY_MS;
/** Who did what is asked later than what ran. */
const AUDIT_MS = 365 * DAY_MS;
const BOUNDED = ["dag_run", "asset_event", "dead_letter"] as const;

type Cutoffs = Readonly<Record<PurgedTable, number>>;
/** Through one table; of runs, through those of one DAG. */
type Walk = Omit<PurgeStep, "after" | "isDryRun">;

/**
 * Keeps the metadata DB bounded: every hour what is too old, or above the number of rows that are kept, goes in small steps
 * through the committer. What is active, or waited for, stays.
 */
export class Retention implements Service {
  readonly #options: RetentionOptions;
  readonly #waits: CancellableWait;
  /** One purge after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #cancelTimer = (): void => undefined;
  #isStopping = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#waits = new CancellableWait(options.clock);
  }

  async start(): Promise<void> {
    if (!this.#isStopping) this.#plan(FIRST_PASS_MS);
  }

  /** After the step that is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancelTimer();
    this.#waits.cancel();
    await this.#last;
  }

  /** One pass, by the settings and by what DAGs say of their runs. */
  async tick(): Promise<PurgeReport> {
    return this.#queue(async () => {
      const { reads, clock, retentionMs } = this.#options;
      const cutoffs = await this.#cutoffs();
      const walks = walksOf(cutoffs, await reads.dags(), (own) => {
        const before = clock.now() - own;
        return own > retentionMs ? before : Math.max(before, cutoffs.dag_run);
      });
      return this.#pass(walks, { isDryRun: false, end: Number.POSITIVE_INFINITY });
    });
  }

  /**
   * What is older than that, whatever the settings; `message_seen` and `audit_log` keep theirs, as do DAGs that keep their runs
   * longer. At most `maxMs` at a time.
   */
  async purge({ olderThanMs, isDryRun }: PurgeRequest, maxMs: number): Promise<PurgeReport> {
    return this.#queue(async () => {
      const { reads, clock } = this.#options;
      const cutoffs = this.#cutoffsOf(clock.now() - olderThanMs);
      const walks = walksOf(cutoffs, await reads.dags(), (own) => Math.min(clock.now() - own, cutoffs.dag_run));
      return this.#pass(walks, { isDryRun, end: isDryRun ? Number.POSITIVE_INFINITY : clock.monotonic() + maxMs });
    });
  }

  #plan(afterMs: number): void {
    this.#cancelTimer = this.#options.clock.after(afterMs, () => {
      const { mayRun = () => true } = this.#options;
      const done = (mayRun() ? this.tick() : Promise.resolve()).catch((error: unknown) =>
        this.#options.log.warn("the purge did not end; the next one goes on", { error }),
      );
      void done.then(() => !this.#isStopping && this.#plan(PASS_EVERY_MS));
    });
  }

  async #queue(purge: () => Promise<PurgeReport>): Promise<PurgeReport> {
    const mine = this.#last.then(purge);
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #cutoffs(): Promise<Cutoffs> {
    const { reads, clock, retentionMs, retentionRows } = this.#options;
    const byAge = this.#cutoffsOf(clock.now() - retentionMs);
    const bounded: [PurgedTable, number][] = [];
    for (const table of BOUNDED) {
      const newest = await reads.overflow(table, retentionRows);
      if (newest !== null) bounded.push([table, Math.max(byAge[table], newest + 1)]);
    }
    return { ...byAge, ...Object.fromEntries(bounded) };
  }

  #cutoffsOf(before: number): Cutoffs {
    const now = this.#options.clock.now();
    return {
      dag_run: before,
      asset_event: before,
      dead_letter: before,
      message_seen: now - SEEN_MS,
      ingest_count: before,
      api_token: now,
      audit_log: now - AUDIT_MS,
      dag_version: before,
    };
  }

  async #pass(walks: readonly Walk[], { isDryRun, end }: { readonly isDryRun: boolean; readonly end: number }): Promise<PurgeReport> {
    const counts = Object.fromEntries(PURGED_TABLES.map((table) => [table, 0])) as Record<PurgedTable, number>;
    let isDone = true;
    for (const walk of walks) {
      let after: PurgeCursor | null = null;
      do {
        isDone = !this.#isStopping && this.#options.clock.monotonic() < end;
        if (!isDone) return this.#tell({ counts, bundles: 0, isDone }, isDryRun);
        const { purged, next } = await this.#options.committer.purge({ ...walk, after, isDryRun });
        counts[walk.table] += purged;
        after = next;
        if (next !== null) await this.#waits.wait(isDryRun ? 0 : this.#options.pauseMs);
      } while (after !== null);
    }
    const { bundlesFolder, clock, reads } = this.#options;
    const bundles = await deleteUnusedBundles(bundlesFolder, await reads.bundleHashes(), clock.now(), isDryRun);
    return this.#tell({ counts, bundles, isDone }, isDryRun);
  }

  #tell(report: PurgeReport, isDryRun: boolean): PurgeReport {
    const gone = Object.entries({ ...report.counts, bundle: report.bundles }).filter(([, count]) => count > 0);
    if (!isDryRun && gone.length > 0) this.#options.log.info("purged what is no longer kept", Object.fromEntries(gone));
    return report;
  }
}

/** `cutoffOf` says what of a DAG may go that keeps its runs for so many ms. */
function walksOf(cutoffs: Cutoffs, dags: readonly DagRetention[], cutoffOf: (ownMs: number) => number): readonly Walk[] {
  const ofDags = dags.flatMap(({ dag, retention }) => {
    if (retention === "forever") return [];
    return [{ table: "dag_run" as const, dag, before: retention === null ? cutoffs.dag_run : cutoffOf(retention), keptLonger: [] }];
  });
  const shorter = new Set(ofDags.filter(({ before }) => before >= cutoffs.dag_version).map(({ dag }) => dag));
  const keptLonger = dags.map(({ dag }) => dag).filter((dag) => !shorter.has(dag));
  const rest = PURGED_TABLES.filter((table) => table !== "dag_run");
  return [...ofDags, ...rest.map((table) => ({ table, dag: null, before: cutoffs[table], keptLonger }))];
}
