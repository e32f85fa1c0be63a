import type { OutboxMessage } from "./outbox.ts";
import type { Service } from "./service.ts";

/** What one process tells another, after its commit. Any of it may be lost: everyone also looks by itself, from time to time. */
export type Wake =
  /** Runs that were made for it. */
  | { readonly kind: "runs"; readonly runs: readonly RunNotice[] }
  /** Inbox rows of its shards. */
  | { readonly kind: "inbox"; readonly rows: readonly InboxNotice[] }
  /** Runs of DAGs of its shards have ended elsewhere. */
  | { readonly kind: "ended"; readonly dags: readonly number[] }
  | { readonly kind: "definitions" }
  /** What waits for a DAG of its shards is to be given up (InboxStore.requestDrop). */
  | { readonly kind: "drop"; readonly dag: number }
  | { readonly kind: "connection"; readonly id: string }
  /** Processes have come or gone. */
  | { readonly kind: "processes" }
  /** More has happened than fits into a notification. */
  | { readonly kind: "look" };

export interface RunNotice {
  readonly dag: number;
  readonly triggerId: number | null;
  readonly count: number;
  /** The smallest id of them. */
  readonly fromRun: number;
}

export interface InboxNotice {
  readonly dag: number;
  readonly assetId: number;
  readonly count: number;
  /** The smallest id of the rows. */
  readonly fromRow: number;
}

export const ROLES = ["scheduler", "triggerer", "api-server"] as const;
/** What a process of a cluster does; workers are not of it, they connect to schedulers. */
export type Role = (typeof ROLES)[number];

export interface ClusterProcess {
  readonly id: number;
  readonly roles: readonly Role[];
  readonly host: string;
  readonly pid: number;
  /** Where its workers connect, host:port; null for nowhere. */
  readonly address: string | null;
  /** Runs that it was given and has not started yet. */
  readonly load: number;
  /** Triggers for whose messages it has no room. */
  readonly fullTriggers: readonly number[];
  readonly startedAt: number;
}

/** A process as this one sees it. */
export interface ProcessState extends ClusterProcess {
  /** `draining`: it takes nothing more. `silent`: it has missed several heartbeats. */
  readonly state: "live" | "draining" | "silent";
  /** For so long its heartbeat has been seen to stand still, ms. */
  readonly heartbeatAgeMs: number;
  /** Shards that it holds. */
  readonly shards: number;
}

/** What a scheduler tells of itself, with each heartbeat. */
export interface OwnLoad {
  /** Where workers of other machines connect to it, host:port; null for nowhere. */
  readonly address: string | null;
  readonly load: number;
  readonly fullTriggers: readonly number[];
}

/** The processes on one metadata DB, as this one sees them, and what it may do among them. */
export interface Cluster {
  readonly processId: number;
  /** The live ones, in order of id; this one included. */
  readonly processes: readonly ClusterProcess[];
  /** The same, with how they are. */
  readonly states: readonly ProcessState[];
  /**
   * The scheduler that a new run is given to: this one, where it is one.
   * @throws {MillraceError} NO_SCHEDULER
   */
  ownerOfNewRun(): number;
  /** Of the lease of a shard that this process holds; null where it does not. */
  shardEpoch(shard: number): number | null;
  /** Of the lease of a trigger that only one process may have open; null where this one may not. */
  triggerEpoch(triggerId: number): number | null;
  /** Triggers that only one process may have open: this one takes its part of them. */
  wantTriggers(triggerIds: readonly number[]): void;
  /** Some scheduler has no room for a trigger's messages. */
  isFull(triggerId: number): boolean;
  /** The process itself is not told. */
  tell(processId: number, wake: Wake): void;
  tellAll(wake: Wake): void;
  /** Whoever holds the shard, where it is another process. */
  tellHolder(shard: number, wake: Wake): void;
}

/** This process as a member of its cluster. */
export interface ClusterMember extends Cluster, Service {
  /**
   * Before `start`: from then on it is told what happens, and its own load is asked for with each heartbeat; every few seconds
   * `ownStatus`, which is JSON that the other processes may read.
   */
  connect(listener: ClusterListener, ownLoad: () => OwnLoad, ownStatus: () => Promise<object>): void;
  /** Gives up its leases and takes nothing more, so that the others go on with them while it drains; `stop` follows. */
  release(): Promise<void>;
}

/** What happens to a process in its cluster. */
export interface ClusterListener {
  /** Shards were gained or lost. */
  onShards(): void;
  /** Leases of triggers were gained or lost. */
  onTriggerLeases(): void;
  /** Processes have come or gone, or say something else of themselves. */
  onProcesses(): void;
  onWake(wake: Wake): void;
  /** Unfinished runs of a dead process that are this one's from now on. */
  onAdoptedRuns(runs: readonly RunNotice[]): void;
  /** Outbox messages of a dead process that are this one's to publish. Resolves when there is room for more. */
  onAdoptedMessages(messages: readonly OutboxMessage[]): Promise<void>;
  /** Every few seconds, for what a lost notification would have told. Ids below `fromId` were there at the last sweep. */
  onSweep(fromId: number): void;
  /** Another process has declared this one dead, and takes over what it has: it must end at once. */
  onFenced(): void;
}
