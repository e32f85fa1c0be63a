import type { WorkerHealth } from "./health.ts";
import type { Service } from "./service.ts";
import type { TaskOutcome } from "./task-outcome.ts";
import type { DispatchFrame, TaskPlace, TryRef } from "./worker-frames.ts";

export interface TaskDispatch {
  readonly ref: TryRef;
  /** One and the same object for all tries of a task. */
  readonly place: TaskPlace;
  readonly header: Omit<DispatchFrame, "place">;
  readonly tail: readonly Uint8Array[];
  /** `process`: alone in its worker. */
  readonly isolation: "shared" | "process";
  /** From the start of the function; null for none. */
  readonly timeoutMs: number | null;
}

/** Why a worker died under a try. */
export interface LossReason {
  /** It was alone in its worker, so it may have been the reason. */
  readonly isSuspect: boolean;
  /** Nobody knows which of its tries it was: each is to be tried alone, so that the guilty one shows itself. */
  readonly isolate: boolean;
  readonly text: string;
}

/** What an executor reports; refs are those of the dispatch, fences included. */
export interface ExecutorListener {
  onStarted(ref: TryRef, at: number): void;
  onLog(ref: TryRef, seq: number, chunk: Uint8Array): void;
  /** `acknowledge` is to be called once the outcome is committed: until then the worker keeps it. */
  onResult(ref: TryRef, result: TryResult, acknowledge: () => void): void;
  onLost(ref: TryRef, reason: LossReason): void;
  /** There is room again. */
  onRoom(): void;
}

/** An outcome as the worker reports it: outlet events are not yet decided. */
export interface TryResult extends Omit<TaskOutcome, "outletEvents" | "outbox" | "logs"> {
  readonly log: { readonly seq: number; readonly chunk: Uint8Array } | null;
  readonly outletEvents: readonly OutletEvent[];
  readonly outbox: readonly PublishedMessage[];
}

export interface OutletEvent {
  readonly asset: string;
  readonly payload: Uint8Array;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly partitionKey: string | null;
}

export interface PublishedMessage {
  readonly kind: string;
  readonly connection: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
}

/** Where tasks run: this machine, or others. */
export interface Executor extends Service {
  /** A worker is there to take tasks; where none is, they wait for one. */
  readonly isConnected: boolean;
  hasRoom(isolation: "shared" | "process"): boolean;
  dispatch(dispatch: TaskDispatch): void;
  /** Ends a try that nobody waits for any more, as far as its function lets it; its outcome may still be reported. */
  cancel(ref: TryRef): void;
  /** From now on takes nothing; what has begun nowhere is given back as lost. */
  drain(): void;
  workers(): readonly WorkerHealth[];
  /** Where workers of other machines connect, `host:port`; null where none can. */
  readonly workerAddress: string | null;
  /** Where all schedulers take workers, `host:port`: those that are connected here connect there, too. */
  setPeers(schedulers: readonly string[]): void;
}
