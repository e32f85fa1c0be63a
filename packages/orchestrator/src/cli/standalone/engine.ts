import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import { DagLoader } from "../../dag-loader/dag-loader.ts";
import type { CommitListener } from "../../domain/committer.ts";
import type { LoadPass } from "../../domain/dag-folder.ts";
import type { DagEntry } from "../../domain/definitions.ts";
import { didYouMean } from "../../domain/did-you-mean.ts";
import type { DagPause, EngineControl, UnpauseOptions } from "../../domain/engine-control.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { ProviderCatalog } from "../../domain/provider-catalog.ts";
import { userCodeEnvironment } from "../../domain/user-code-environment.ts";
import { GroupCommitter } from "../../metadata-db/committer.ts";
import { registerProcess } from "../../metadata-db/sqlite/process-store.ts";
import { SqliteBatchWriter } from "../../metadata-db/sqlite/sqlite-batch-writer.ts";
import { SqliteRunner } from "../../metadata-db/sqlite/sqlite-runner.ts";
import type { DefinitionStore } from "../../metadata-db/stores/definition-store.ts";
import { SqlOutbox } from "../../metadata-db/stores/outbox-store.ts";
import { SourceStore } from "../../metadata-db/stores/source-store.ts";
import { Relay } from "../../relay/relay.ts";
import { createAssetEvent } from "../../scheduler/create-asset-event.ts";
import { createDagRun } from "../../scheduler/create-dag-run.ts";
import type { Scheduler } from "../../scheduler/scheduler.ts";
import type { HostLimits } from "../../trigger-host/host-process.ts";
import { withOwnTriggers } from "../../trigger-host/own-triggers.ts";
import { Ingester } from "../../triggerer/ingester.ts";
import { replayDeadLetters } from "../../triggerer/replay-dead-letters.ts";
import { Triggerer } from "../../triggerer/triggerer.ts";
import { DefinitionHolder, subscriptionsOf } from "./definition-holder.ts";
import { makeScheduler, type SchedulerParts } from "./make-scheduler.ts";
import { PassLog } from "./pass-log.ts";

export interface EngineOptions extends SchedulerParts {
  readonly config: Config;
  readonly catalog: ProviderCatalog;
  readonly definitionStore: DefinitionStore;
  /** DagLoaderOptions.patienceMs */
  readonly importPatienceMs?: number;
  readonly triggerHostLimits?: Partial<HostLimits>;
}

const ROLES = ["scheduler", "triggerer", "executor", "relay", "api-server"];

/** Every part but the API, in one process on one SQLite file: made here, and joined by nothing but their contracts. */
export class Engine implements EngineControl {
  readonly scheduler: Scheduler;
  readonly triggerer: Triggerer;
  readonly loader: DagLoader;
  readonly definitions: DefinitionHolder;
  readonly committer: GroupCommitter;
  readonly relay: Relay;
  readonly #options: EngineOptions;
  readonly #running = { loader: false, scheduler: false, triggerer: false };
  #isReady = false;
  #isStopping = false;
  #lastPass: LoadPass = { files: [], errors: [] };

  constructor(options: EngineOptions) {
    this.#options = options;
    const { db, catalog, clock, log, connections, definitionStore } = options;
    const ownerId = registerProcess(db, ROLES, clock.now());
    const writer = new SqliteBatchWriter(db, ownerId);
    const runner = new SqliteRunner(db);
    const listener: CommitListener = {
      onRuns: (runs) => this.scheduler.onRuns(runs),
      onInbox: (rows) => this.scheduler.onInbox(rows),
      onOutbox: (messages) => this.relay.offer(messages),
    };
    this.committer = new GroupCommitter({ writer, clock, log: log.child({ part: "committer" }), listener });
    this.relay = new Relay({
      outbox: new SqlOutbox(runner, this.committer, ownerId),
      connections,
      catalog,
      clock,
      log: log.child({ part: "relay" }),
      instance: definitionStore.instance,
    });
    this.definitions = new DefinitionHolder(definitionStore, (definitions) => {
      this.scheduler.onDefinitions();
      this.triggerer.setSubscriptions(subscriptionsOf(definitions));
    });
    this.scheduler = makeScheduler(options, { ownerId, committer: this.committer, definitions: this.definitions });
    const sources = new SourceStore(runner);
    const sink = new Ingester({
      committer: this.committer,
      definitions: () => this.definitions.current,
      positions: (source) => sources.positions(source),
      cursor: (source) => sources.cursor(source),
      waitForRoom: (triggerId) => this.#waitForRoom(triggerId),
    });
    this.triggerer = new Triggerer({ sink, connections, catalog: this.#withOwnTriggers(), clock, log: log.child({ part: "triggerer" }) });
    this.loader = this.#makeLoader();
  }

  /** Rescued runs first, then new messages. @throws {MillraceError} DAGS_FOLDER_MISSING */
  async start(): Promise<void> {
    await this.loader.start();
    this.#running.loader = true;
    await this.scheduler.start();
    this.#running.scheduler = true;
    await this.relay.start();
    await this.triggerer.start();
    this.#running.triggerer = true;
    this.#isReady = true;
  }

  /** Stops taking messages, ends what is under way, publishes what that left, within the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#isReady = false;
    Object.assign(this.#running, { loader: false, scheduler: false, triggerer: false });
    const end = this.#options.clock.monotonic() + deadlineMs;
    const left = (): { deadlineMs: number } => ({ deadlineMs: Math.max(0, end - this.#options.clock.monotonic()) });
    await this.loader.stop();
    await this.triggerer.stop(left());
    await this.scheduler.stop(left());
    await this.relay.stop(left());
    await this.committer.flush();
  }

  async createDagRun(request: Parameters<EngineControl["createDagRun"]>[0]): ReturnType<EngineControl["createDagRun"]> {
    this.#refuseWhileStopping("starts no more runs");
    return createDagRun(request, this.definitions.current, this.committer);
  }

  async createAssetEvent(request: Parameters<EngineControl["createAssetEvent"]>[0]): ReturnType<EngineControl["createAssetEvent"]> {
    this.#refuseWhileStopping("takes no more events");
    return createAssetEvent(request, this.definitions.current, this.committer);
  }

  async pauseDag(dagId: string): Promise<DagPause> {
    const dag = this.#findDag(dagId);
    if (!dag.isPaused) await this.definitions.setPaused(dag.id, true);
    return { dagId, isPaused: true, pendingEvents: this.scheduler.inbox.pendingOf(dag.id) };
  }

  async unpauseDag(dagId: string, { drop = false }: UnpauseOptions = {}): Promise<DagPause> {
    const dag = this.#findDag(dagId);
    if (drop && dag.isPaused) await this.scheduler.inbox.drop(dag, "given up when the DAG was unpaused");
    const pendingEvents = this.scheduler.inbox.pendingOf(dag.id);
    if (dag.isPaused) await this.definitions.setPaused(dag.id, false);
    return { dagId, isPaused: false, pendingEvents };
  }

  async dropPendingEvents(dagId: string): Promise<number> {
    const dag = this.#findDag(dagId);
    const count = this.scheduler.inbox.pendingOf(dag.id);
    await this.scheduler.inbox.drop(dag, "given up by command");
    return count;
  }

  async replayDeadLetters(...[letters, { isDryRun }]: Parameters<EngineControl["replayDeadLetters"]>) {
    this.#refuseWhileStopping("replays no more dead letters");
    const waitForRoom = (triggerId: number): Promise<void> | null => this.#waitForRoom(triggerId);
    return replayDeadLetters(letters, { definitions: this.definitions.current, committer: this.committer, waitForRoom, isDryRun });
  }

  async discardDeadLetters(ids: readonly number[]): Promise<number> {
    this.#refuseWhileStopping("discards no more dead letters");
    return this.committer.discardDeadLetters(ids);
  }

  #waitForRoom(triggerId: number): Promise<void> | null {
    return this.scheduler.backlog.waitForRoom(triggerId) ?? this.scheduler.inbox.waitForRoom(triggerId);
  }

  #findDag(dagId: string): DagEntry {
    const { dags } = this.definitions.current;
    const dag = dags.get(dagId);
    if (dag !== undefined) return dag;
    throw new MillraceError("DAG_NOT_FOUND", `no DAG '${dagId}' is loaded`, didYouMean(dagId, dags.keys()));
  }

  #refuseWhileStopping(what: string): void {
    if (this.#isStopping) throw new MillraceError("SERVER_STOPPING", `the server is stopping and ${what}`);
  }

  health(): ReturnType<EngineControl["health"]> {
    const { loader, scheduler, triggerer } = this.#running;
    return { isReady: this.#isReady, loader, scheduler, triggerer, executor: scheduler && this.scheduler.executor.isConnected };
  }

  /** The newest picture of the dags folders. */
  get lastPass(): LoadPass {
    return this.#lastPass;
  }

  #withOwnTriggers(): Pick<ProviderCatalog, "findTrigger"> {
    const { config, catalog, environment, clock, connections, variables, triggerHostLimits } = this.#options;
    return withOwnTriggers({
      providers: catalog,
      definitions: () => this.definitions.current,
      bundlesFolder: join(config.home, "bundles"),
      environment: userCodeEnvironment(environment),
      values: async (what, id): Promise<unknown> => (what === "connection" ? connections : variables).get(id),
      clock,
      ...(triggerHostLimits && { limits: triggerHostLimits }),
    });
  }

  #makeLoader(): DagLoader {
    const { config, catalog, environment, clock, log, importPatienceMs } = this.#options;
    const passLog = new PassLog(log);
    return new DagLoader({
      folders: config.dagsFolders,
      home: config.home,
      catalog,
      environment,
      clock,
      ...(importPatienceMs !== undefined && { patienceMs: importPatienceMs }),
      log: log.child({ part: "dag-loader" }),
      onPass: async (pass) => {
        await this.definitions.apply(pass, clock.now());
        this.#lastPass = pass;
        passLog.write(pass);
      },
    });
  }
}
