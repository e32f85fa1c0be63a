import type { OpenTriggerContext, StreamState, TriggerMessage, TriggerStream } from "@millrace/sdk/provider";

/** What happened to a stream, besides its messages. */
export interface StreamEvents {
  readonly states: StreamState[];
  readonly gaps: { readonly partition: string; readonly expected: bigint; readonly actual: bigint }[];
}

/**
 * Keeps messages as the metadata DB does: an ordered log's position drops what lies below it, any other
 * identity is taken once. Outlives streams, so that a reopened one goes on where the last one stopped.
 */
export class MessageStore {
  readonly stored: TriggerMessage[] = [];
  readonly events: StreamEvents = { states: [], gaps: [] };
  readonly #positions = new Map<string, Map<string, bigint>>();
  readonly #seen = new Set<string>();
  duplicates = 0;

  get values(): string[] {
    return this.stored.map((message) => (message.value === null ? "(null)" : Buffer.from(message.value).toString("utf8")));
  }

  store(messages: readonly TriggerMessage[]): void {
    for (const message of messages) {
      if (this.#isNew(message)) this.stored.push(message);
      else this.duplicates += 1;
    }
  }

  positions(source: string): ReadonlyMap<string, bigint> {
    return new Map(this.#positions.get(source));
  }

  /** Every source that has a position. */
  get sources(): string[] {
    return [...this.#positions.keys()];
  }

  setPosition(source: string, partition: string, next: bigint): void {
    const positions = this.#positions.get(source) ?? new Map<string, bigint>();
    positions.set(partition, next);
    this.#positions.set(source, positions);
  }

  context(options: { readonly group?: string; readonly signal?: AbortSignal } = {}): OpenTriggerContext {
    const silent = (): void => {};
    return {
      defaultGroup: options.group ?? "conformance",
      cursor: async () => null,
      positions: async (source) => this.positions(source),
      startPositions: async (source, starts) => {
        for (const [partition, next] of starts) {
          if (!this.positions(source).has(partition)) this.setPosition(source, partition, next);
        }
      },
      signal: options.signal ?? new AbortController().signal,
      log: { debug: silent, info: silent, warn: silent, error: silent },
      onState: (state) => this.events.states.push(state),
      onGap: (gap) => this.events.gaps.push(gap),
    };
  }

  /** Stores and acknowledges all that a stream yields, until it ends. */
  async drain(stream: TriggerStream): Promise<void> {
    for await (const batch of stream) {
      this.store(batch);
      await stream.settle(batch.map((message) => ({ message, outcome: "ack" })));
    }
  }

  #isNew(message: TriggerMessage): boolean {
    const { identity } = message;
    if (identity === null) return true;
    if ("offset" in identity) {
      const next = this.positions(identity.source).get(identity.partition) ?? 0n;
      if (identity.offset < next) return false;
      this.setPosition(identity.source, identity.partition, identity.offset + 1n);
      return true;
    }
    const key = `${identity.source} ${identity.id}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}
