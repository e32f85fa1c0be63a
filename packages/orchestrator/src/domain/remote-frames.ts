/**
 * The worker protocol over a network: `millrace worker` at one end, a scheduler at the other. Encoded as worker-frames.ts
 * says. The scheduler speaks first (`greeting`), the worker says `hello`, the scheduler answers `welcome` or `refused`;
 * these four keep their fields in every protocol. Both sides send heartbeats, and each takes silence for the other's death.
 * Slots are handed out as credits: a worker offers some to each of its schedulers, a dispatch uses one up, and the sum of
 * what runs and what is offered never exceeds what the worker has.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { LossReason } from "./executor.ts";
import type { DispatchFrame, TryRef, WorkerFrame } from "./worker-frames.ts";

export type Isolation = "shared" | "process";

/** Where a task's function is, for a machine that has neither the server's files nor its folders. */
export interface RemotePlace {
  /** SHA-256 of the bundle's text, hex. */
  readonly bundleHash: string;
  /** Name of the DAG file, without its folders. */
  readonly file: string;
  readonly dagId: string;
  readonly taskId: string;
  /** Of the project that the DAG file lies in; null for one without a lockfile, which any worker takes. */
  readonly lockfile: string | null;
}

export interface RemoteHello {
  readonly type: "hello";
  readonly protocol: number;
  readonly version: string;
  /** Made anew by each `millrace worker`; the same over its reconnects. */
  readonly worker: string;
  readonly host: string;
  readonly pid: number;
  /** By its clock, UTC ms. */
  readonly now: number;
  /** Absolute folder that bare imports resolve from, for people. */
  readonly project: string;
  /** Shared tries that it runs side by side, and tries that have a process to themselves. */
  readonly slots: number;
  readonly processes: number;
  /** What it has of this scheduler, by their fences: running, and ended but not acknowledged. */
  readonly running: readonly string[];
  readonly ended: readonly string[];
  readonly nonce: string;
  /** Shows that it knows the token: see `proveToken`. */
  readonly proof: string;
}

export type SchedulerFrame =
  | {
      readonly type: "greeting";
      readonly protocol: number;
      readonly version: string;
      /** Names this scheduler process; a worker that reaches one under two addresses keeps one connection. */
      readonly scheduler: string;
      readonly nonce: string;
    }
  | {
      readonly type: "welcome";
      /** The one that both sides speak. */
      readonly protocol: number;
      readonly proof: string;
      /** Fences of the hello that this scheduler does not wait for. */
      readonly unknown: readonly string[];
    }
  | { readonly type: "refused"; readonly code: string; readonly message: string }
  | { readonly type: "place"; readonly key: number; readonly place: RemotePlace }
  | (DispatchFrame & { readonly isolation: Isolation; readonly timeoutMs: number | null })
  | { readonly type: "cancel"; readonly ref: TryRef }
  | { readonly type: "result_ack"; readonly fences: readonly string[] }
  /** For a bundle, its text is the tail. */
  | { readonly type: "value"; readonly request: number; readonly value: unknown; readonly error: string | null }
  /** It has something to dispatch and no credit for it. */
  | { readonly type: "want"; readonly isolation: Isolation }
  /** Answers `reclaim`: credits it did not use. */
  | { readonly type: "give_back"; readonly isolation: Isolation; readonly count: number }
  /** All schedulers that take workers, as `host:port`. Since protocol 2. */
  | { readonly type: "peers"; readonly schedulers: readonly string[] }
  | { readonly type: "heartbeat" }
  /** It ends: nothing that it gave is waited for. */
  | { readonly type: "bye" };

export type RemoteWorkerFrame =
  | RemoteHello
  | Extract<WorkerFrame, { type: "started" | "log" | "result" }>
  | {
      readonly type: "get";
      readonly request: number;
      readonly ref: TryRef;
      readonly what: "connection" | "variable" | "bundle";
      readonly id: string;
    }
  /** Its process died under the try. */
  | { readonly type: "lost"; readonly ref: TryRef; readonly reason: LossReason }
  /** It does not take this try: it is to go elsewhere. */
  | { readonly type: "returned"; readonly ref: TryRef; readonly code: ReturnCode; readonly message: string }
  /** So many credits more. */
  | { readonly type: "offer"; readonly isolation: Isolation; readonly count: number }
  | { readonly type: "reclaim"; readonly isolation: Isolation; readonly count: number }
  /** Its project has another lockfile now. */
  | { readonly type: "project" }
  | { readonly type: "heartbeat"; readonly blocked: number; readonly now: number }
  /** It takes nothing more and ends once what runs has ended. */
  | { readonly type: "draining" }
  | { readonly type: "bye" };

export type ReturnCode = "LOCKFILE_MISMATCH" | "WORKER_DRAINING" | "WORKER_FULL";

/** Shows that one knows the token without sending it: `nonce` is the other side's, `side` one's own. */
export function proveToken(token: string, side: "worker" | "scheduler", nonce: string, worker: string): string {
  return createHmac("sha256", token).update(`${side}\n${nonce}\n${worker}`).digest("base64url");
}

/** In constant time. */
export function isSameProof(expected: string, got: unknown): boolean {
  if (typeof got !== "string") return false;
  const [one, other] = [Buffer.from(expected), Buffer.from(got)];
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}
