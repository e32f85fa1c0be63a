import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import { DagLoader } from "../../dag-loader/dag-loader.ts";
import type { ClusterListener, ClusterMember, Role, Wake } from "../../domain/cluster.ts";
import { type CommitListener, type Committer, TriggerLeaseLost } from "../../domain/committer.ts";
import type { LoadPass } from "../../domain/dag-folder.ts";
import type { DagEntry } from "../../domain/definitions.ts";
import { didYouMean } from "../../domain/did-you-mean.ts";
import type { DagPause, EngineControl, UnpauseOptions } from "../../domain/engine-control.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { ProviderCatalog } from "../../domain/provider-catalog.ts";
import { userCodeEnvironment } from "../../domain/user-code-environment.ts";
import type { DefinitionStore } from "../../metadata-db/stores/definition-store.ts";
import { SqlOutbox } from "../../metadata-db/stores/outbox-store.ts";
import { SourceStore } from "../../metadata-db/stores/source-store.ts";
import { Relay } from "../../relay/relay.ts";
import { createAssetEvent } from "../../scheduler/create-asset-event.ts";
import { createDagRun } from "../../scheduler/create-dag-run.ts";
import { replayEvents } from "../../scheduler/replay-events.ts";
import type { Scheduler } from "../../scheduler/scheduler.ts";
import type { HostLimits } from "../../trigger-host/host-process.ts";
import { withOwnTriggers } from "../../trigger-host/own-triggers.ts";
import { Ingester } from "../../triggerer/ingester.ts";
import { replayDeadLetters } from "../../triggerer/replay-dead-letters.ts";
import { Triggerer } from "../../triggerer/triggerer.ts";
import { DefinitionHolder, subscriptionsOf } from "./definition-holder.ts";
import { ClusterRoom } from "./cluster-room.ts";
import { LeasedLoader } from "./leased-loader.ts";
import type { EngineDb } from "./metadata-db.ts";
import { tellOwners } from "./tell-owners.ts";
import { ownStatus } from "./own-status.ts";
import { makeScheduler, type SchedulerParts } from "./make-scheduler.ts";
import { PassLog } from "./pass-log.ts";

export interface EngineOptions extends Omit<SchedulerParts, "runner"> {
  readonly config: Config;
  readonly db: EngineDb;
  /** What this process does; the other parts are there, and are not started. */
  readonly roles: readonly Role[];
  readonly catalog: ProviderCatalog;
  readonly definitionStore: DefinitionStore;
  /** Another process has declared this one dead: it must end at once. */
  readonly onFenced: () => void;
  /** DagLoaderOptions.patienceMs */
  readonly importPatienceMs?: number;
  readonly triggerHostLimits?: Partial<HostLimits>;
}

/** Whoever holds it loads the DAG files: one lease is as good as another. */
const LOADER_SHARD = 0;

/** Every part but the API, in one process: made here, and joined by nothing but their contracts. */
export class Engine implements EngineControl {
  readonly scheduler: Scheduler;
  readonly triggerer: Triggerer;
  readonly loader: LeasedLoader;
  readonly definitions: DefinitionHolder;
  readonly committer: Committer;
  readonly relay: Relay;
  readonly #options: EngineOptions;
  /** Of providers, and those that DAG files define. */
  readonly triggers: Pick<ProviderCatalog, "findTrigger">;
  readonly #cluster: ClusterMember;
  readonly #room: ClusterRoom;
  readonly #running = { scheduler: false, triggerer: false };
  #peers: readonly string[] = [];
  #unswept = Number.POSITIVE_INFINITY;
  #isReady = false;
  #isStopping = false;
  #lastPass: LoadPass = { files: [], errors: [] };

  constructor(options: EngineOptions) {
    this.#options = options;
    const { db, catalog, clock, log, connections, definitionStore } = options;
    const { runner, cluster } = db;
    this.#cluster = cluster;
    this.#room = new ClusterRoom(cluster);
    const listener: CommitListener = {
      onRuns: (runs) => this.scheduler.onRuns(runs),
      onHandedOver: (runs) => tellOwners(cluster, runs),
      onInbox: (rows) => this.scheduler.onInbox(rows),
      onOutbox: (messages) => this.relay.offer(messages),
    };
    this.committer = db.openCommitter({ clock, log: log.child({ part: "committer" }), listener });
    this.relay = new Relay({
      outbox: new SqlOutbox(runner, this.committer, cluster.processId),
      connections,
      catalog,
      clock,
      log: log.child({ part: "relay" }),
      instance: definitionStore.instance,
    });
    this.definitions = new DefinitionHolder(definitionStore, () => this.#onDefinitions(), db.bundles);
    this.scheduler = makeScheduler({ ...options, runner }, { cluster, committer: this.committer, definitions: this.definitions });
    const sources = new SourceStore(runner);
    const sink = new Ingester({
      committer: this.committer,
      definitions: () => this.definitions.current,
      positions: (source) => sources.positions(source),
      cursor: (source) => sources.cursor(source),
      triggerEpoch: (triggerId) => this.#triggerEpoch(triggerId),
      waitForRoom: (triggerId) => this.#waitForRoom(triggerId),
    });
    this.triggers = this.#withOwnTriggers();
    this.triggerer = new Triggerer({ sink, connections, catalog: this.triggers, clock, log: log.child({ part: "triggerer" }) });
    this.loader = new LeasedLoader({ loader: this.#makeLoader(), mayLoad: () => this.isLoader, log: log.child({ part: "dag-loader" }) });
    cluster.connect(
      this.#clusterListener(),
      () => this.scheduler.ownLoad(),
      async () => ownStatus(this),
    );
  }

  /** Rescued runs first, then new messages. @throws {MillraceError} DAGS_FOLDER_MISSING */
  async start(): Promise<void> {
    const { roles } = this.#options;
    if (roles.includes("scheduler")) await this.#cluster.start();
    await this.loader.start();
    if (!this.isLoader) await this.definitions.refresh();
    if (roles.includes("scheduler")) {
      await this.scheduler.start();
      this.#running.scheduler = true;
      await this.relay.start();
    } else await this.#cluster.start();
    if (roles.includes("triggerer")) {
      await this.triggerer.start();
      this.#running.triggerer = true;
    }
    this.#isReady = true;
  }

  /** Stops taking messages, ends what is under way, publishes what that left, within the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#isReady = false;
    Object.assign(this.#running, { scheduler: false, triggerer: false });
    const end = this.#options.clock.monotonic() + deadlineMs;
    const left = (): { deadlineMs: number } => ({ deadlineMs: Math.max(0, end - this.#options.clock.monotonic()) });
    await this.loader.stop();
    await this.#cluster.release();
    await this.triggerer.stop(left());
    await this.scheduler.stop(left());
    await this.relay.stop(left());
    await this.committer.flush();
  }

  /** The process that holds the first shard loads the DAG files, and keeps the metadata DB bounded. */
  get isLoader(): boolean {
    return this.#options.roles.includes("scheduler") && this.#cluster.shardEpoch(LOADER_SHARD) !== null;
  }

  /** A stored connection has changed, here: everyone opens what uses it anew. */
  onConnectionChange(id: string): void {
    this.#reopen(id);
    this.#cluster.tellAll({ kind: "connection", id });
  }

  async createDagRun(request: Parameters<EngineControl["createDagRun"]>[0]): ReturnType<EngineControl["createDagRun"]> {
    this.#refuseWhileStopping("starts no more runs");
    await this.#lookForDefinitions();
    return createDagRun(request, this.definitions.current, this.committer);
  }

  async createAssetEvent(request: Parameters<EngineControl["createAssetEvent"]>[0]): ReturnType<EngineControl["createAssetEvent"]> {
    this.#refuseWhileStopping("takes no more events");
    await this.#lookForDefinitions();
    return createAssetEvent(request, this.definitions.current, this.committer);
  }

  async pauseDag(dagId: string): Promise<DagPause> {
    const dag = await this.#findDag(dagId);
    if (!dag.isPaused) await this.#setPaused(dag, true);
    return { dagId, isPaused: true, pendingEvents: await this.scheduler.inbox.pendingOf(dag.id) };
  }

  async unpauseDag(dagId: string, { drop = false }: UnpauseOptions = {}): Promise<DagPause> {
    const dag = await this.#findDag(dagId);
    if (drop && dag.isPaused) await this.scheduler.inbox.drop(dag, "given up when the DAG was unpaused");
    const pendingEvents = await this.scheduler.inbox.pendingOf(dag.id);
    if (dag.isPaused) await this.#setPaused(dag, false);
    return { dagId, isPaused: false, pendingEvents };
  }

  async #setPaused(dag: DagEntry, isPaused: boolean): Promise<void> {
    await this.definitions.setPaused(dag.id, isPaused);
    this.#cluster.tellAll({ kind: "definitions" });
  }

  async dropPendingEvents(dagId: string): Promise<number> {
    const dag = await this.#findDag(dagId);
    const count = await this.scheduler.inbox.pendingOf(dag.id);
    await this.scheduler.inbox.drop(dag, "given up by command");
    return count;
  }

  async replayDeadLetters(...[letters, { isDryRun }]: Parameters<EngineControl["replayDeadLetters"]>) {
    this.#refuseWhileStopping("replays no more dead letters");
    await this.#lookForDefinitions();
    const waitForRoom = (triggerId: number): Promise<void> | null => this.#waitForRoom(triggerId);
    return replayDeadLetters(letters, { definitions: this.definitions.current, committer: this.committer, waitForRoom, isDryRun });
  }

  async replayEvents(...[candidates, request]: Parameters<EngineControl["replayEvents"]>): ReturnType<EngineControl["replayEvents"]> {
    this.#refuseWhileStopping("replays no more events");
    if (request.dagId === null) await this.#lookForDefinitions();
    else await this.#findDag(request.dagId);
    const pendingOf = async (dag: number): Promise<number> => this.scheduler.inbox.pendingOf(dag);
    return replayEvents(candidates, request, { definitions: this.definitions.current, committer: this.committer, pendingOf });
  }

  async discardDeadLetters(ids: readonly number[]): Promise<number> {
    this.#refuseWhileStopping("discards no more dead letters");
    return this.committer.discardDeadLetters(ids);
  }

  #waitForRoom(triggerId: number): Promise<void> | null {
    return this.scheduler.backlog.waitForRoom(triggerId) ?? this.scheduler.inbox.waitForRoom(triggerId) ?? this.#room.wait(triggerId);
  }

  /** null for one that any number of processes may have open. @throws {TriggerLeaseLost} */
  #triggerEpoch(triggerId: number): number | null {
    const trigger = this.definitions.current.triggers.get(triggerId);
    if (trigger === undefined || !this.#isExclusive(trigger.snapshot.kind)) return null;
    const epoch = this.#cluster.triggerEpoch(triggerId);
    if (epoch === null) throw new TriggerLeaseLost(`trigger ${triggerId} is open in another process`);
    return epoch;
  }

  #isExclusive(kind: string): boolean {
    return this.triggers.findTrigger(kind)?.sharing === "exclusive";
  }

  #onDefinitions(): void {
    const { current } = this.definitions;
    this.scheduler.onDefinitions();
    if (!this.#options.roles.includes("triggerer")) return;
    const exclusive = [...current.triggers.values()].filter(({ snapshot }) => this.#isExclusive(snapshot.kind));
    this.#cluster.wantTriggers(exclusive.map(({ id }) => id));
    this.#openTriggers();
  }

  /** Those that this process may have open. */
  #openTriggers(): void {
    const mine = subscriptionsOf(this.definitions.current).filter(
      ({ kind, triggerId }) => !this.#isExclusive(kind) || this.#cluster.triggerEpoch(triggerId) !== null,
    );
    this.triggerer.setSubscriptions(mine);
  }

  #reopen(connection: string): void {
    this.triggerer.reopen(connection);
    this.relay.reopen(connection);
  }

  #clusterListener(): ClusterListener {
    return {
      onShards: () => {
        this.loader.onLease();
        void this.#quietly("the shards could not be taken over", this.scheduler.inbox.onShards());
      },
      onTriggerLeases: () => this.#openTriggers(),
      onProcesses: () => {
        this.#room.look();
        this.#tellPeers();
      },
      onWake: (wake) => this.#onWake(wake),
      onAdoptedRuns: (runs) => this.scheduler.onGivenRuns(runs),
      onAdoptedMessages: (messages) => this.relay.adopt(messages),
      onSweep: (fromId) => void this.#quietly("looking around failed", this.#sweep(fromId)),
      onFenced: () => this.#options.onFenced(),
    };
  }

  /** Workers of other machines work for all schedulers. */
  #tellPeers(): void {
    const peers = this.#cluster.processes.flatMap(({ address }) => address ?? []);
    if (peers.join() === this.#peers.join()) return;
    this.#peers = peers;
    this.scheduler.executor.setPeers(peers);
  }

  #onWake(wake: Wake): void {
    const { inbox } = this.scheduler;
    if (wake.kind === "runs") this.scheduler.onGivenRuns(wake.runs);
    else if (wake.kind === "inbox") inbox.onNotice(wake.rows);
    else if (wake.kind === "ended") void this.#quietly("counting runs failed", inbox.onEndedElsewhere(wake.dags));
    else if (wake.kind === "drop") inbox.onDropRequested(wake.dag);
    else if (wake.kind === "connection") this.#reopen(wake.id);
    else if (wake.kind === "definitions") void this.#quietly("the definitions could not be read", this.definitions.refresh());
    else if (wake.kind === "look") void this.#quietly("looking around failed", this.#sweep(0));
  }

  /** What a sweep that failed, or came too early, was to look at is looked at by the next one. */
  async #sweep(fromId: number): Promise<void> {
    this.#unswept = Math.min(this.#unswept, fromId);
    await this.definitions.refresh();
    if (!this.#running.scheduler) return;
    const from = this.#unswept;
    this.#unswept = Number.POSITIVE_INFINITY;
    try {
      await this.scheduler.sweep(from);
    } catch (error) {
      this.#unswept = Math.min(this.#unswept, from);
      throw error;
    }
  }

  /** The next sweep does it again. */
  async #quietly(what: string, act: Promise<unknown>): Promise<void> {
    await act.catch((error: unknown) => this.#options.log.warn(`${what}; it is tried again in a few seconds`, { error }));
  }

  async #findDag(dagId: string): Promise<DagEntry> {
    await this.#lookForDefinitions();
    const { dags } = this.definitions.current;
    const dag = dags.get(dagId);
    if (dag !== undefined) return dag;
    throw new MillraceError("DAG_NOT_FOUND", `no DAG '${dagId}' is loaded`, didYouMean(dagId, dags.keys()));
  }

  /** What another process has just loaded or changed is known to whoever asks this one. */
  async #lookForDefinitions(): Promise<void> {
    if (!this.isLoader) await this.definitions.refresh();
  }

  #refuseWhileStopping(what: string): void {
    if (this.#isStopping) throw new MillraceError("SERVER_STOPPING", `the server is stopping and ${what}`);
  }

  health(): ReturnType<EngineControl["health"]> {
    const others = this.#cluster.processes;
    const does = (role: Role): boolean => others.some(({ id, roles }) => id !== this.#cluster.processId && roles.includes(role));
    const { scheduler, triggerer } = this.#running;
    const executor = scheduler ? this.scheduler.executor.isConnected : does("scheduler");
    return {
      isReady: this.#isReady && executor,
      loader: this.loader.isRunning || does("scheduler"),
      scheduler: scheduler || does("scheduler"),
      triggerer: triggerer || does("triggerer"),
      executor,
    };
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
        this.#cluster.tellAll({ kind: "definitions" });
        this.#lastPass = pass;
        passLog.write(pass);
      },
    });
  }
}
