import type { EnvelopeName } from "./dag-snapshot.ts";

/** One watcher's trigger: a watcher with a list of them is there as often. */
export interface WatcherRead {
  readonly id: number;
  readonly assetId: number;
  readonly asset: string;
  readonly name: string;
  readonly triggerId: number;
  readonly kind: string;
  readonly connection: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly groupName: string;
  readonly unwrap: readonly EnvelopeName[];
  readonly where: string | null;
  readonly payload: string | null;
  readonly isStale: boolean;
  readonly createdAt: number;
}

/**
 * `duplicate`: messages that came again and made no second event (P2). `ignored`: that are no event, such as S3's test.
 * `rejected`: that a watcher's `where` did not take; `rejected_error`: for which it could not be computed.
 */
export type IngestCountReason = "duplicate" | "ignored" | "rejected" | "rejected_error";

export interface IngestCountRead {
  readonly triggerId: number;
  readonly reason: IngestCountReason;
  readonly count: number;
  /** The newest, newest last. */
  readonly samples: readonly string[];
}

export interface WatcherReads {
  list(): Promise<readonly WatcherRead[]>;
  /** By trigger and reason, counted since the instant (UTC ms, to the minute). */
  counts(since: number): Promise<readonly IngestCountRead[]>;
}
