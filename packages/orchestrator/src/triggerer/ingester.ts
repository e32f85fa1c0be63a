import type { TriggerMessage } from "@millrace/sdk/provider";
import type { Committer } from "../domain/committer.ts";
import type { Definitions } from "../domain/definitions.ts";
import { prepareEntry } from "../domain/ingest.ts";
import { type IngestSink, TriggerNotWatched } from "../domain/ingest-sink.ts";
import type { IngestReceipt } from "../domain/ingest-unit.ts";

export interface IngesterOptions {
  readonly committer: Committer;
  readonly definitions: () => Definitions;
  readonly positions: (source: string) => Promise<ReadonlyMap<string, bigint>>;
  readonly cursor: (source: string) => Promise<string | null>;
  /** IngestUnit.triggerEpoch. @throws {TriggerLeaseLost} */
  readonly triggerEpoch: (triggerId: number) => number | null;
  /** IngestSink.waitForRoom. */
  readonly waitForRoom: (triggerId: number) => Promise<void> | null;
}

/** Messages → asset events: pure preparation against one snapshot of the definitions, then one commit. */
export class Ingester implements IngestSink {
  readonly #options: IngesterOptions;

  constructor(options: IngesterOptions) {
    this.#options = options;
  }

  async ingest(triggerId: number, messages: readonly TriggerMessage[]): Promise<IngestReceipt> {
    const trigger = this.#options.definitions().triggers.get(triggerId);
    if (trigger === undefined) throw new TriggerNotWatched(`trigger ${triggerId} has no watcher any more: its messages stay in the broker`);
    const triggerEpoch = this.#options.triggerEpoch(triggerId);
    return this.#options.committer.ingest({ triggerId, triggerEpoch, entries: messages.map((message) => prepareEntry(message, trigger)) });
  }

  positions(source: string): Promise<ReadonlyMap<string, bigint>> {
    return this.#options.positions(source);
  }

  cursor(source: string): Promise<string | null> {
    return this.#options.cursor(source);
  }

  startPositions(source: string, starts: ReadonlyMap<string, bigint>): Promise<void> {
    return this.#options.committer.startPositions(source, starts);
  }

  waitForRoom(triggerId: number): Promise<void> | null {
    return this.#options.waitForRoom(triggerId);
  }
}
