import type { Client, Pool } from "pg";
import type { Clock } from "../../../domain/clock.ts";
import type { ClusterListener, ClusterMember, ClusterProcess, OwnLoad, ProcessState, Role, Wake } from "../../../domain/cluster.ts";
import { MillraceError } from "../../../domain/errors.ts";
import { firstIdOf } from "../../../domain/ids.ts";
import type { Log } from "../../../domain/log.ts";
import { PeerLiveness } from "../../../domain/peer-liveness.ts";
import { first, type Script, type SqlRunner } from "../../sql-script.ts";
import { Adoption } from "./adoption.ts";
import { heldShards, heldTriggers, releaseShards, releaseTriggers, shardHolders, SHARDS, takeShards, takeTriggers } from "./lease-table.ts";
import { Notifier } from "./notifier.ts";
import { forgetStatuses, StatusWriter } from "./status-writer.ts";
import { beat, declareDead, liveProcesses, type LiveProcess, registerProcess, retire, setRoles } from "./process-table.ts";

export interface PostgresClusterOptions {
  readonly runner: SqlRunner;
  readonly pool: Pool;
  /** A new client each time, not connected. */
  readonly makeClient: () => Client;
  readonly roles: readonly Role[];
  readonly clock: Clock;
  readonly log: Log;
  readonly deadAfterMs?: number;
}

const BEAT_MS = 1_000;
const DEAD_AFTER_MS = 10_000;
const SWEEP_BEATS = 5;
const STATUS_BEATS = 3;
const SILENT_AFTER_MS = 3_000;

/**
 * One process of those on a PostgreSQL: beats once a second, watches the others, declares dead who has stopped, shares the
 * shards and the exclusive triggers, and takes over what the dead leave.
 */
export class PostgresCluster implements ClusterMember {
  readonly #options: PostgresClusterOptions;
  readonly #liveness: PeerLiveness;
  readonly #notifier: Notifier;
  readonly processId: number;
  #processes: readonly LiveProcess[] = [];
  #holders: ReadonlyMap<number, number> = new Map();
  #shards: ReadonlyMap<number, number> = new Map();
  #triggers: ReadonlyMap<number, number> = new Map();
  #wantedTriggers: readonly number[] = [];
  /** Runs given to others since they last told their load. */
  readonly #given = new Map<number, number>();
  #listener: ClusterListener | null = null;
  #ownLoad: () => OwnLoad = () => ({ load: 0, fullTriggers: [], address: null });
  #status: StatusWriter | null = null;
  #adoption: Adoption | null = null;
  #beats = 0;
  /** Where the ids stood at the last sweeps, oldest first. */
  #marks: readonly number[] = [];
  #ticking: Promise<void> = Promise.resolve();
  /** That are under way. */
  #ticks = 0;
  #beating: Promise<Error | null> | null = null;
  #cancel: (() => void) | null = null;
  #isLost = false;
  #isActive = false;
  #isStopped = false;
  #isFenced = false;

  private constructor(options: PostgresClusterOptions, processId: number) {
    this.#options = options;
    this.processId = processId;
    this.#liveness = new PeerLiveness({ deadAfterMs: options.deadAfterMs ?? DEAD_AFTER_MS, everyMs: BEAT_MS });
    const { makeClient, pool, clock, log } = options;
    this.#notifier = new Notifier({ processId, makeClient, pool, clock, log, onWake: (wake) => this.#onWake(wake) });
  }

  /** Registers this process: from now on it beats, but nobody gives it anything yet. */
  static async join(options: PostgresClusterOptions): Promise<PostgresCluster> {
    const { runner, clock } = options;
    const id = await runner.run(() => registerProcess(clock.now()));
    const cluster = new PostgresCluster(options, id);
    cluster.#beatLater();
    return cluster;
  }

  /** Before `start`. */
  connect(listener: ClusterListener, ownLoad: () => OwnLoad, ownStatus: () => Promise<object>): void {
    const { runner, clock, log } = this.#options;
    this.#listener = listener;
    this.#ownLoad = ownLoad;
    this.#adoption = new Adoption({ runner, processId: this.processId, log, listener, isActive: () => this.#isActive });
    this.#status = new StatusWriter({ runner, processId: this.processId, status: ownStatus, clock, log });
  }

  /** From now on it takes its part: shards, triggers, runs. */
  async start(): Promise<void> {
    const { runner, roles } = this.#options;
    await this.#notifier.start();
    await runner.run(() => setRoles(this.processId, roles));
    this.#isActive = true;
    await this.tick();
    this.tellAll({ kind: "processes" });
  }

  /** Gives up its leases and takes nothing more, so that the others go on with them while it drains. What it has is its own until `stop`. */
  async release(): Promise<void> {
    if (!this.#isActive) return;
    this.#isActive = false;
    await this.#ticking;
    if (this.#isFenced) return;
    const [shards, triggers] = [[...this.#shards.keys()], [...this.#triggers.keys()]];
    this.#setShards(new Map());
    this.#setTriggers(new Map());
    await this.#tryLast(() => releaseAll(this.processId, shards, triggers));
    this.tellAll({ kind: "processes" });
  }

  /** Once nothing of it is under way any more. A second stop is harmless. */
  async stop(): Promise<void> {
    await this.release();
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#cancel?.();
    await this.#status?.idle();
    if (!this.#isFenced) {
      await this.#tryLast(() => retire(this.processId));
      await this.#tryLast(() => forgetStatuses());
      this.tellAll({ kind: "processes" });
      await this.#notifier.flush();
    }
    await this.#notifier.stop();
  }

  /** Where the database is gone, the others find out by themselves. */
  async #tryLast(script: () => Script<void>): Promise<void> {
    await this.#options.runner
      .run(script)
      .catch((error: unknown) => this.#options.log.warn("the others could not be told of the stop", { error }));
  }

  get processes(): readonly ClusterProcess[] {
    return this.#processes;
  }

  get states(): readonly ProcessState[] {
    const holders = [...this.#holders.values()];
    return this.#processes.map((process) => {
      const heartbeatAgeMs = this.#liveness.silenceMs(process.id);
      const state = heartbeatAgeMs >= SILENT_AFTER_MS ? "silent" : process.roles.length === 0 ? "draining" : "live";
      return { ...process, state, heartbeatAgeMs, shards: holders.filter((holder) => holder === process.id).length };
    });
  }

  ownerOfNewRun(): number {
    if (this.#options.roles.includes("scheduler")) return this.processId;
    const schedulers = this.#processes.filter(({ roles }) => roles.includes("scheduler"));
    const loadOf = ({ id, load }: LiveProcess): number => load + (this.#given.get(id) ?? 0);
    const [least] = schedulers.toSorted((a, b) => loadOf(a) - loadOf(b));
    if (least === undefined) {
      const hint = "start `millrace scheduler` on this database: messages wait in their brokers until one is there";
      throw new MillraceError("NO_SCHEDULER", "no scheduler is running on this metadata DB", { hint });
    }
    this.#given.set(least.id, (this.#given.get(least.id) ?? 0) + 1);
    return least.id;
  }

  shardEpoch(shard: number): number | null {
    return this.#shards.get(shard) ?? null;
  }

  triggerEpoch(triggerId: number): number | null {
    return this.#triggers.get(triggerId) ?? null;
  }

  wantTriggers(triggerIds: readonly number[]): void {
    this.#wantedTriggers = triggerIds;
    if (this.#isActive) void this.tick();
  }

  isFull(triggerId: number): boolean {
    const others = this.#processes.filter(({ id, roles }) => id !== this.processId && roles.includes("scheduler"));
    const isAlone = others.length === 0 && !this.#options.roles.includes("scheduler");
    return isAlone || others.some(({ fullTriggers }) => fullTriggers.includes(triggerId));
  }

  tell(processId: number, wake: Wake): void {
    if (processId !== this.processId) this.#notifier.tell(processId, wake);
  }

  tellAll(wake: Wake): void {
    this.#notifier.tellAll(wake);
  }

  tellHolder(shard: number, wake: Wake): void {
    const holder = this.#holders.get(shard);
    if (holder !== undefined) this.tell(holder, wake);
  }

  /** One beat: everything that is to be done once a second. A failure of the database is one of the next beat. */
  async tick(): Promise<void> {
    const beaten = this.#beat();
    this.#ticks += 1;
    this.#ticking = this.#ticking.then(async () => this.#tryTick(beaten)).finally(() => (this.#ticks -= 1));
    return this.#ticking;
  }

  /** Never behind anything else: there may be much to take over. */
  async #beat(): Promise<Error | null> {
    this.#beating ??= this.#tryBeat().finally(() => (this.#beating = null));
    return this.#beating;
  }

  async #tryBeat(): Promise<Error | null> {
    if (this.#isFenced || this.#isStopped) return null;
    try {
      if (await this.#options.runner.run(() => beat(this.processId, this.#ownLoad()))) return null;
    } catch (error) {
      return error as Error;
    }
    if (!this.#isFenced) this.#listener?.onFenced();
    this.#isFenced = true;
    this.#cancel?.();
    return null;
  }

  async #tryTick(beaten: Promise<Error | null>): Promise<void> {
    try {
      const error = await beaten;
      if (error !== null) throw error;
      if (this.#isFenced || this.#isStopped) return;
      await this.#tick();
      if (this.#isLost) this.#options.log.info("the other processes of this metadata DB are seen again");
      this.#isLost = false;
    } catch (error) {
      if (!this.#isLost)
        this.#options.log.warn("the other processes of this metadata DB cannot be seen; tried again each second", { error });
      this.#isLost = true;
    }
  }

  async #tick(): Promise<void> {
    const { roles } = this.#options;
    await this.#look();
    if (!this.#isActive) return;
    if (roles.includes("scheduler")) await this.#shareShards();
    if (roles.includes("triggerer")) await this.#shareTriggers();
    if (roles.includes("scheduler")) await this.#adoption?.tick();
    if (this.#beats % STATUS_BEATS === 0) this.#status?.write();
    this.#beats += 1;
    if (this.#beats % SWEEP_BEATS === 0) await this.#sweep();
  }

  async #look(): Promise<void> {
    const { runner, clock, log } = this.#options;
    let processes = await runner.run(() => liveProcesses());
    const others = processes.filter(({ id }) => id !== this.processId);
    for (const id of this.#liveness.observe(others, clock.monotonic())) {
      const process = others.find((other) => other.id === id)!;
      if (await runner.run(() => declareDead(process))) {
        log.warn("a process has stopped beating: it is declared dead, and what it had is taken over", {
          process: id,
          host: process.host,
          pid: process.pid,
        });
        processes = processes.filter((other) => other.id !== id);
        await runner.run(() => forgetStatuses());
      }
    }
    this.#processes = processes;
    this.#given.clear();
    this.#holders = await runner.run(() => shardHolders());
    this.#listener?.onProcesses();
  }

  /** As many shards as each of the others: none is left without a holder, and a new process gets its part. */
  async #shareShards(): Promise<void> {
    const { runner } = this.#options;
    const held = new Map((await runner.run(() => heldShards(this.processId))).map(({ id, epoch }) => [id, epoch]));
    const part = Math.ceil(SHARDS / this.#count("scheduler"));
    const surplus = [...held.keys()].slice(part);
    for (const shard of surplus) held.delete(shard);
    // Given up here before another can take it: what is under way of it is refused by its epoch.
    this.#setShards(held);
    if (surplus.length > 0) {
      await runner.run(() => releaseShards(this.processId, surplus));
      this.tellAll({ kind: "processes" });
    }
    const free = part - held.size;
    if (free <= 0) return;
    const taken = await runner.transaction(() => takeShards(this.processId, free));
    if (taken.length > 0) this.#setShards(new Map([...held, ...taken.map(({ id, epoch }) => [id, epoch] as const)]));
  }

  #setShards(shards: ReadonlyMap<number, number>): void {
    const isEqual = isSameMap(shards, this.#shards);
    this.#shards = shards;
    if (!isEqual) this.#listener?.onShards();
  }

  async #shareTriggers(): Promise<void> {
    const { runner } = this.#options;
    const wanted = this.#wantedTriggers;
    const held = new Map((await runner.run(() => heldTriggers(this.processId))).map(({ id, epoch }) => [id, epoch]));
    const part = Math.ceil(wanted.length / this.#count("triggerer"));
    const surplus = [...held.keys()].filter((id, index) => !wanted.includes(id) || index >= part);
    for (const id of surplus) held.delete(id);
    this.#setTriggers(held);
    if (surplus.length > 0) await runner.run(() => releaseTriggers(this.processId, surplus));
    const missing = wanted.filter((id) => !held.has(id));
    if (held.size >= part || missing.length === 0) return;
    await runner.transaction(() => takeTriggers(this.processId, missing, part - held.size));
    this.#setTriggers(new Map((await runner.run(() => heldTriggers(this.processId))).map(({ id, epoch }) => [id, epoch])));
  }

  #setTriggers(triggers: ReadonlyMap<number, number>): void {
    const isEqual = isSameMap(triggers, this.#triggers);
    this.#triggers = triggers;
    if (!isEqual) this.#listener?.onTriggerLeases();
  }

  #count(role: Role): number {
    return Math.max(1, this.#processes.filter(({ roles }) => roles.includes(role)).length);
  }

  async #sweep(): Promise<void> {
    const row = await this.#options.runner.run(() => first<{ number: number }>("SELECT last_value AS number FROM commit_number"));
    const [mark = 0] = this.#marks;
    this.#marks = [...this.#marks, firstIdOf(row?.number ?? 0)].slice(-2);
    this.#listener?.onSweep(mark);
  }

  #onWake(wake: Wake): void {
    if (wake.kind === "processes" || wake.kind === "look") void this.tick();
    this.#listener?.onWake(wake);
  }

  #beatLater(): void {
    if (this.#isStopped || this.#isFenced) return;
    this.#cancel = this.#options.clock.after(BEAT_MS, () => {
      void (this.#ticks === 0 ? this.tick() : this.#beat());
      this.#beatLater();
    });
  }
}

function* releaseAll(processId: number, shards: readonly number[], triggers: readonly number[]): Script<void> {
  yield* setRoles(processId, []);
  yield* releaseShards(processId, shards);
  yield* releaseTriggers(processId, triggers);
}

function isSameMap(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
