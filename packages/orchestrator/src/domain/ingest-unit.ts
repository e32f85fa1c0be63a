import type { DecisionCode } from "./decision.ts";

/** What one event will do for one DAG; the committer numbers the runs. */
export interface PendingDecision {
  readonly dag: number;
  readonly versionId: number;
  readonly code: DecisionCode;
  readonly reason: string | null;
  /** Where it goes to the DAG's inbox (codes `inbox` and `held`); else null. */
  readonly inbox: InboxPlace | null;
}

export interface InboxPlace {
  readonly shard: number;
  /** The slots of the DAG's pattern whose filters it passed, by index. */
  readonly slots: readonly number[];
}

export interface NewAssetEvent {
  readonly assetId: number;
  readonly assetName: string;
  /** JSON, as it arrived where it was JSON. */
  readonly payload: Uint8Array;
  readonly messageKey: Uint8Array | null;
  /** JSON array of [name, value] pairs, null where there are none. */
  readonly headers: Uint8Array | null;
  readonly extra: Uint8Array | null;
  readonly partitionKey: string | null;
  readonly sentAt: number | null;
  readonly decisions: readonly PendingDecision[];
}

/** Why a message could not become an asset event; docs/reference/errors.md says when. */
export const DEAD_LETTER_REASONS = ["NOT_JSON", "SCHEMA", "ENVELOPE", "PAYLOAD"] as const;
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number];

export interface NewDeadLetter {
  readonly assetId: number;
  readonly reasonCode: DeadLetterReason;
  readonly reason: string;
}

/** `rejected_error`: the filter could not be computed. */
export interface RejectedDelivery {
  readonly reason: "rejected" | "rejected_error";
  /** The beginning of the payload; of an error, what it said as well. */
  readonly sample: string;
}

/** One message: an outcome per watching asset, all of them stored before it is acknowledged. */
export interface IngestEntry {
  readonly source: string;
  /** Set for ordered logs: below the stored position it is a duplicate. */
  readonly position: { readonly partition: string; readonly offset: number } | null;
  /** Set where identity is per message: SHA-256 of source and id, first 16 bytes. */
  readonly seen: Uint8Array | null;
  readonly messageId: string | null;
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null;
  readonly headers: Uint8Array | null;
  readonly events: readonly NewAssetEvent[];
  readonly deadLetters: readonly NewDeadLetter[];
  /** What was in it that is no event, as people name it. */
  readonly ignored: readonly string[];
  /** What a watcher's `where` did not take: no event, but counted. */
  readonly rejected: readonly RejectedDelivery[];
  /** Kept as the newest of its source, also where the message came before. */
  readonly cursor: { readonly source: string; readonly value: string } | null;
}

export interface IngestUnit {
  readonly triggerId: number;
  /** Of the lease under which it was read, where only one process may have the trigger open; else null. */
  readonly triggerEpoch: number | null;
  readonly entries: readonly IngestEntry[];
}

export interface IngestReceipt {
  readonly events: number;
  readonly duplicates: number;
  readonly deadLetters: number;
  readonly runs: number;
}
