/** What the triggerer and a trigger host say to each other, in frames (frame-codec.ts) over a pipe. One host runs one trigger. */
import type { WireError } from "./worker-frames.ts";

export type HostServerFrame =
  | {
      readonly type: "open";
      /** Absolute path of the bundle that the trigger is imported from. */
      readonly bundle: string;
      /** Absolute path of the DAG file: bare imports resolve from there. */
      readonly source: string;
      readonly kind: string;
      readonly params: Readonly<Record<string, unknown>>;
    }
  /** After `opened`. The cursor as JSON; null where there is none. */
  | { readonly type: "start"; readonly cursor: string | null }
  | { readonly type: "stored"; readonly seq: number }
  | { readonly type: "value"; readonly request: number; readonly value: unknown; readonly error: string | null }
  | { readonly type: "close" };

export interface WireTriggerEvent {
  readonly id: string | null;
  readonly key: string | null;
  readonly headers: readonly (readonly [string, string])[];
  readonly sentAt: number | null;
  /** JSON. */
  readonly cursor: string | null;
  /** Length of its payload in the tail. */
  readonly payloadBytes: number;
}

export type HostFrame =
  /** `source` names what is read: ids and cursor belong to it. */
  | { readonly type: "opened"; readonly source: string }
  | { readonly type: "yield"; readonly seq: number; readonly events: readonly WireTriggerEvent[] }
  | { readonly type: "log"; readonly level: "debug" | "info" | "warn" | "error"; readonly message: string; readonly fields: object | null }
  | { readonly type: "get"; readonly request: number; readonly what: "connection" | "variable"; readonly id: string }
  /** `run` ended by itself. */
  | { readonly type: "ended" }
  | { readonly type: "failed"; readonly error: WireError };

/** On a pipe of its own, from a thread: it goes on while the trigger's code keeps the event loop. */
export interface HostHeartbeat {
  readonly rssBytes: number;
  readonly blockedMs: number;
}
