import { relative } from "node:path";
import type { Database } from "better-sqlite3";
import { DagLoader } from "../../dag-loader/dag-loader.ts";
import type { Committer } from "../../domain/committer.ts";
import type { LoadPass } from "../../domain/dag-folder.ts";
import type { DagSnapshot } from "../../domain/dag-snapshot.ts";
import type { AssetEntry } from "../../domain/definitions.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { ExecutorListener } from "../../domain/executor.ts";
import { prepareEntry } from "../../domain/ingest.ts";
import type { IngestEntry } from "../../domain/ingest-unit.ts";
import type { ActiveRun } from "../../domain/run.ts";
import { openDatabase } from "../../metadata-db/sqlite/open-database.ts";
import { SqliteRunner } from "../../metadata-db/sqlite/sqlite-runner.ts";
import { DefinitionStore } from "../../metadata-db/stores/definition-store.ts";
import { assetsOf, isTimePart } from "../../domain/pattern-parts.ts";
import { createDagRun } from "../../scheduler/create-dag-run.ts";
import { partOfRun, type PayloadOfRun, payloadsOfRun } from "../../scheduler/payloads-of-run.ts";
import type { Scheduler } from "../../scheduler/scheduler.ts";
import { examplePayload } from "../output/example-payload.ts";
import { TestReport } from "../output/test-report.ts";
import { DefinitionHolder } from "./definition-holder.ts";
import { discoverProviders } from "./discover-providers.ts";
import { engineDbOf } from "./metadata-db.ts";
import { makeScheduler, type SchedulerParts } from "./make-scheduler.ts";

export interface DagTestOptions extends Omit<SchedulerParts, "config" | "runner" | "onRunEnd"> {
  /** A folder of its own, for bundles. */
  readonly home: string;
  /** Absolute. */
  readonly file: string;
  readonly print: (line: string) => void;
}

const BACKLOG_LIMIT = 10;
/** Of the message: no watcher brought it. */
const NO_TRIGGER_ID = 0;

/** The real loader, committer, scheduler and one worker, on a database in memory: for one run of one DAG. */
export class DagTest {
  readonly #options: DagTestOptions;
  readonly #db: Database;
  readonly #committer: Committer;
  readonly #definitions: DefinitionHolder;
  readonly #scheduler: Scheduler;
  readonly #ended = Promise.withResolvers<ActiveRun>();
  #loader: DagLoader | null = null;
  #report: TestReport | null = null;
  #runId: number | null = null;
  #stopped: Promise<void> | null = null;

  static async open(options: DagTestOptions): Promise<DagTest> {
    const db = openDatabase(":memory:");
    return new DagTest(options, db, await DefinitionStore.open(new SqliteRunner(db), JSON.stringify));
  }

  private constructor(options: DagTestOptions, db: Database, store: DefinitionStore) {
    this.#options = options;
    const { clock, log, home } = options;
    this.#db = db;
    const { runner, cluster, openCommitter } = engineDbOf(db, ["scheduler"], clock.now());
    this.#committer = openCommitter({
      clock,
      log,
      listener: {
        onRuns: (runs) => this.#admit(runs),
        onInbox: (rows) => this.#scheduler.onInbox(rows),
        onOutbox: () => undefined,
      },
    });
    this.#definitions = new DefinitionHolder(store, () => this.#scheduler.onDefinitions());
    this.#scheduler = makeScheduler(
      {
        ...options,
        runner,
        config: { home, minWorkers: 1, maxWorkers: 1, backlogLimit: BACKLOG_LIMIT, inboxLimit: BACKLOG_LIMIT },
        onRunEnd: (run) => this.#ended.resolve(run),
      },
      {
        cluster,
        committer: this.#reporting(this.#committer),
        definitions: this.#definitions,
        observe: (listener) => this.#observe(listener),
      },
    );
  }

  /** What the file defines; its definitions are in force from then on. The worker starts meanwhile. */
  async load(): Promise<LoadPass> {
    const { home, file, environment, clock, log } = this.#options;
    const starting = this.#scheduler.start();
    const catalog = await discoverProviders([file], log);
    this.#loader = new DagLoader({ folders: [file], home, catalog, environment, clock, log, onPass: async () => undefined });
    const pass = await this.#loader.loadOne(file);
    await this.#definitions.apply(withoutRetryDelays(pass), clock.now());
    await starting;
    return pass;
  }

  /**
   * Whether a run was started and succeeded.
   * @throws {MillraceError} EVENT_NEEDED, BAD_REQUEST, BAD_PARAMS
   */
  async run(dag: DagSnapshot, payload: unknown, params: Readonly<Record<string, unknown>>): Promise<boolean> {
    const { file, clock, print } = this.#options;
    const report = new TestReport({ dag, definitions: this.#definitions.current, print });
    this.#report = report;
    report.begin(relative(process.cwd(), file));
    const entries = this.#prepare(dag, payload);
    // All of them are told, also where one of them is enough to start nothing.
    if (entries.map((entry) => reportEntry(report, entry)).includes(false)) return false;
    if (entries.length === 0 || Object.keys(params).length > 0) await this.#createRun(dag.dagId, payload, params);
    else await this.#committer.ingest({ triggerId: NO_TRIGGER_ID, triggerEpoch: null, entries });
    const run = await this.#ended.promise;
    report.end(run.state, clock.now() - run.createdAt);
    return run.state === "success";
  }

  /** At once: a task under way is ended with its worker. A second stop is harmless. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #stop(): Promise<void> {
    await Promise.all([this.#loader?.stop(), this.#scheduler.executor.stop()]);
    await this.#committer.flush();
    this.#db.close();
  }

  /** Messages with these payloads, one for each leg of the pattern. */
  #prepare({ dagId, schedule }: DagSnapshot, payload: unknown): readonly IngestEntry[] {
    const { dags, assets } = this.#definitions.current;
    const entry = dags.get(dagId)!;
    const part = partOfRun(entry, payload);
    if (payload === undefined && part !== null && !isTimePart(part)) {
      const examples = assetsOf(schedule).map((name) => [name, examplePayload(assets.get(name)?.snapshot.schema ?? null)] as const);
      const example = part.pattern.kind === "all" ? Object.fromEntries(examples) : examples[0]?.[1];
      const named = examples.map(([name]) => `'${name}'`).join(", ");
      const message = `DAG '${dagId}' is scheduled on asset ${named}: its runs start with an event`;
      throw new MillraceError("EVENT_NEEDED", message, { hint: `give a payload, like --event '${JSON.stringify(example)}'` });
    }
    return payloadsOfRun(entry, part, payload).map((one) => this.#prepareMessage(dagId, one));
  }

  /** As the DAG alone would see it. */
  #prepareMessage(dagId: string, { asset: name, payload }: PayloadOfRun): IngestEntry {
    const asset = this.#definitions.current.assets.get(name)!;
    const alone: AssetEntry = { ...asset, subscribers: asset.subscribers.filter(({ dag }) => dag.dagId === dagId) };
    const snapshot = { kind: "test", connection: "", params: {} };
    const value = Buffer.from(JSON.stringify(payload));
    const message = { identity: null, value, key: null, headers: [], sentAt: null, attributes: {} };
    return prepareEntry(message, {
      id: NO_TRIGGER_ID,
      snapshot,
      defaultGroup: "",
      watchers: [{ asset: alone, unwrap: [], where: null, payload: null }],
    });
  }

  async #createRun(dagId: string, payload: unknown, params: Readonly<Record<string, unknown>>): Promise<void> {
    const event = payload === undefined ? {} : { payload };
    await createDagRun({ dagId, customRunId: null, logicalDate: null, params, ...event }, this.#definitions.current, this.#committer);
  }

  /** The first run is the tested one; those that its outlet events would start are not started. */
  #admit(runs: Parameters<Scheduler["onRuns"]>[0]): void {
    this.#runId ??= runs[0]?.id ?? null;
    this.#scheduler.onRuns(runs.filter(({ id }) => id === this.#runId));
  }

  #reporting(committer: Committer): Committer {
    return {
      ingest: async (unit) => committer.ingest(unit),
      create: async (run) => committer.create(run),
      createEvent: async (event) => committer.createEvent(event),
      fold: async (writes) => committer.fold(writes),
      recordOutbox: async (outcomes) => committer.recordOutbox(outcomes),
      replayDeadLetter: async (replay) => committer.replayDeadLetter(replay),
      replayEvents: async (replay) => committer.replayEvents(replay),
      discardDeadLetters: async (ids) => committer.discardDeadLetters(ids),
      purge: async (step) => committer.purge(step),
      startPositions: async (source, starts) => committer.startPositions(source, starts),
      flush: async () => committer.flush(),
      write: async (writes) => {
        this.#report?.writes(writes);
        return committer.write(writes);
      },
    };
  }

  #observe(scheduler: ExecutorListener): ExecutorListener {
    return {
      onLog: (ref, seq, chunk) => scheduler.onLog(ref, seq, chunk),
      onResult: (ref, result, acknowledge) => scheduler.onResult(ref, result, acknowledge),
      onRoom: () => scheduler.onRoom(),
      onStarted: (ref, at) => {
        this.#report?.started(ref.taskIndex, ref.try);
        scheduler.onStarted(ref, at);
      },
      onLost: (ref, reason) => {
        this.#report?.lost(ref.taskIndex, reason.text);
        scheduler.onLost(ref, reason);
      },
    };
  }
}

/** Retries are made, but nobody waits for them. */
function withoutRetryDelays(pass: LoadPass): LoadPass {
  const hurry = (dag: DagSnapshot): DagSnapshot => ({ ...dag, tasks: dag.tasks.map((task) => ({ ...task, retryDelayMs: 0 })) });
  return { ...pass, files: pass.files.map((file) => ({ ...file, dags: file.dags.map(hurry) })) };
}

/** True where the message starts a run. */
function reportEntry(report: TestReport, { events, deadLetters, value }: IngestEntry): boolean {
  for (const letter of deadLetters) report.deadLetter(letter, value!);
  return events.map((event) => report.event(event)).includes(true);
}
