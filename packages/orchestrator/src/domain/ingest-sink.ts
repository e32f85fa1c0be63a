import type { TriggerMessage } from "@millrace/sdk/provider";
import type { IngestReceipt } from "./ingest-unit.ts";

/** A distinct trigger that some watcher wants open. Equal triggers are one of these. */
export interface TriggerSubscription {
  readonly triggerId: number;
  readonly kind: string;
  readonly connection: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** OpenTriggerContext.defaultGroup. */
  readonly defaultGroup: string;
  /** Of the code of a trigger that a DAG file defines; null, or none, for a provider's. */
  readonly version?: string | null;
}

/** No asset watches this trigger any more: its messages stay in the broker, for whatever reads them next. */
export class TriggerNotWatched extends Error {
  override readonly name = "TriggerNotWatched";
}

/** The triggerer's way into the metadata DB. */
export interface IngestSink {
  /**
   * Decodes, validates, dedupes, decides and stores; resolves once all of it is committed (P1), so that the
   * messages can be acknowledged. At most 256 messages a call, one call at a time per stream. Rejects where
   * nothing was stored: the same messages are then given again.
   * @throws {TriggerNotWatched} where giving them again is of no use
   */
  ingest(triggerId: number, messages: readonly TriggerMessage[]): Promise<IngestReceipt>;
  positions(source: string): Promise<ReadonlyMap<string, bigint>>;
  startPositions(source: string, starts: ReadonlyMap<string, bigint>): Promise<void>;
  /** OpenTriggerContext.cursor. */
  cursor(source: string): Promise<string | null>;
  /** null while there is room for more of this trigger's messages; else resolves when there is again (P6). */
  waitForRoom(triggerId: number): Promise<void> | null;
}
