import type { OutboxMessage } from "./outbox.ts";

/** What one process tells another, after its commit. Any of it may be lost: everyone also looks by itself, from time to time. */
export type Wake =
  /** Runs that were made for it: DAG and the smallest id. */
  | { readonly kind: "runs"; readonly runs: readonly (readonly [dag: number, fromRun: number])[] }
  /** Inbox rows of its shards. */
  | { readonly kind: "inbox"; readonly rows: readonly InboxNotice[] }
  /** Runs of DAGs of its shards have ended elsewhere. */
  | { readonly kind: "ended"; readonly dags: readonly number[] }
  | { readonly kind: "definitions" }
  | { readonly kind: "connection"; readonly id: string }
  /** Processes have come or gone. */
  | { readonly kind: "processes" }
  /** More has happened than fits into a notification. */
  | { readonly kind: "look" };

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

/** What a scheduler tells of itself, with each heartbeat. */
export interface OwnLoad {
  readonly load: number;
  readonly fullTriggers: readonly number[];
}

/** The processes on one metadata DB, as this one sees them, and what it may do among them. */
export interface Cluster {
  readonly processId: number;
  /** The live ones, in order of id; this one included. */
  readonly processes: readonly ClusterProcess[];
  /**
   * The scheduler that a new run is given to: this one, where it is one.
   * @throws {MillraceError} NO_SCHEDULER
   */
  ownerOf(dag: number): number;
  /** Of the lease of a shard that this process holds; null where it does not. */
  shardEpoch(shard: number): number | null;
  /** Of the lease of a trigger that only one process may have open; null where this one may not. */
  triggerEpoch(triggerId: number): number | null;
  /** Some scheduler has no room for a trigger's messages. */
  isFull(triggerId: number): boolean;
  /** The process itself is not told. */
  tell(processId: number, wake: Wake): void;
  tellAll(wake: Wake): void;
  /** Whoever holds the shard, where it is another process. */
  tellHolder(shard: number, wake: Wake): void;
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
  /** Unfinished runs of a dead process that are this one's from now on: by DAG, from the smallest id. */
  onAdoptedRuns(runs: readonly AdoptedRuns[]): void;
  /** Outbox messages of a dead process that are this one's to publish. Resolves when there is room for more. */
  onAdoptedMessages(messages: readonly OutboxMessage[]): Promise<void>;
  /** Every few seconds: what a lost notification would have told. Ids below `fromId` were there a while ago. */
  onSweep(fromId: number): void;
  /** Another process has declared this one dead, and takes over what it has: it must end at once. */
  onFenced(): void;
}

export interface AdoptedRuns {
  readonly dag: number;
  readonly fromRun: number;
}
