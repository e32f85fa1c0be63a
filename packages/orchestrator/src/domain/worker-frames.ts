/**
 * The worker protocol: frames on a stream socket. A frame is `u32 LE total, u32 LE header length, header (JSON),
 * tail (bytes)`, where total counts what follows it. Parts of the tail are cut by the lengths in the header.
 */

/** Counts up when frames change. 2: a worker on another machine is told of further schedulers. */
export const WORKER_PROTOCOL = 2;
/** So many versions apart, two sides still work together: an upgrade goes one side after the other. */
const MAX_PROTOCOL_DISTANCE = 1;

/** The protocol that both sides speak; null where they are too far apart. */
export function commonProtocol(own: number, other: number): number | null {
  return Math.abs(own - other) <= MAX_PROTOCOL_DISTANCE ? Math.min(own, other) : null;
}

/** Why two sides do not work together, and what to do. */
export function describeProtocolGap(scheduler: number, worker: number): string {
  const [oldest, newest] = [Math.max(1, scheduler - MAX_PROTOCOL_DISTANCE), scheduler + MAX_PROTOCOL_DISTANCE];
  const older = worker < scheduler ? "worker" : "scheduler";
  return `the scheduler speaks worker protocol ${scheduler} and works with ${oldest} to ${newest}, the worker speaks ${worker}: upgrade the ${older}`;
}

/** Names one try, and says which dispatch of it this is: a report under an older fence changes nothing. */
export interface TryRef {
  readonly runId: number;
  readonly taskIndex: number;
  readonly mapIndex: number;
  readonly try: number;
  /** `<owner process id>:<counter>`. */
  readonly fence: string;
}

export interface WireEvent {
  readonly id: number;
  readonly asset: string;
  readonly at: number;
  /** The leg of the pattern that it took; left out for the first. */
  readonly leg?: number;
  /** A message brought it, not a task or a person. */
  readonly isFromTrigger: boolean;
  readonly partitionKey: string | null;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly headers: readonly (readonly [string, string])[];
  /** Length of this event's payload (JSON) in the tail, then of its message key (UTF-8; -1 for null). */
  readonly payloadBytes: number;
  readonly keyBytes: number;
}

/** Where a task's function is: the same for all its tries, so a worker is told it once. */
export interface TaskPlace {
  /** Absolute path of the bundle that it is imported from. */
  readonly bundle: string;
  /** Absolute path of the DAG file: bare imports resolve from there. */
  readonly source: string;
  readonly dagId: string;
  readonly taskId: string;
}

export type ServerFrame =
  | { readonly type: "welcome"; readonly workerId: number }
  | { readonly type: "place"; readonly key: number; readonly place: TaskPlace }
  | {
      readonly type: "dispatch";
      readonly ref: TryRef;
      /** `key` of a place that this worker was told before. */
      readonly place: number;
      readonly run: { readonly dagRunId: string; readonly type: string; readonly logicalDate: number | null };
      /** What started it; the worker knows the pattern by the DAG's definition. */
      readonly part: string;
      readonly events: readonly WireEvent[];
      /** [need name, length of its JSON in the tail], after the events; then params. */
      readonly needs: readonly (readonly [string, number])[];
      readonly paramsBytes: number;
    }
  | { readonly type: "cancel"; readonly ref: TryRef; readonly reason: "timeout" | "stop" }
  /** By their fences. */
  | { readonly type: "result_ack"; readonly fences: readonly string[] }
  | { readonly type: "value"; readonly request: number; readonly value: unknown; readonly error: string | null };

export type DispatchFrame = Extract<ServerFrame, { type: "dispatch" }>;

export interface WireOutbox {
  readonly kind: string;
  readonly connection: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly bodyBytes: number;
}
export interface WireOutletEvent {
  readonly asset: string;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly partitionKey: string | null;
  readonly payloadBytes: number;
}
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** True where another try would end the same way: `fail()`, a payload its schema refuses. */
  readonly isPermanent: boolean;
}

export type WorkerFrame =
  | {
      readonly type: "hello";
      readonly protocol: number;
      readonly version: string;
      readonly slots: number;
      readonly token: string;
      readonly pid: number;
      readonly role: "worker" | "heartbeat";
    }
  | { readonly type: "started"; readonly ref: TryRef; readonly at: number }
  | { readonly type: "heartbeat"; readonly turns: number; readonly rssBytes: number; readonly blockedMs: number }
  | { readonly type: "log"; readonly ref: TryRef; readonly seq: number }
  | { readonly type: "get"; readonly request: number; readonly ref: TryRef; readonly what: "connection" | "variable"; readonly id: string }
  | {
      readonly type: "result";
      readonly ref: TryRef;
      readonly outcome: "success" | "failed" | "skipped";
      /** null for a try that never started. */
      readonly startedAt: number | null;
      readonly endedAt: number;
      readonly error: WireError | null;
      /** Lengths in the tail, in this order: value (JSON; -1 for undefined), log chunk, outlet payloads, outbox bodies. */
      readonly valueBytes: number;
      readonly logBytes: number;
      readonly logSeq: number;
      readonly outletEvents: readonly WireOutletEvent[];
      readonly outbox: readonly WireOutbox[];
    };
