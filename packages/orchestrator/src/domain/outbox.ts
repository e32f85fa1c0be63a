export interface OutboxMessage {
  readonly id: number;
  readonly kind: string;
  readonly connection: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
  readonly attempts: number;
}

export type OutboxOutcome =
  | { readonly id: number; readonly outcome: "sent"; readonly at: number }
  /** `attempts` and `reason` are kept to be seen; the message stays pending. */
  | { readonly id: number; readonly outcome: "retry"; readonly reason: string }
  | { readonly id: number; readonly outcome: "rejected"; readonly reason: string };

/** The relay's way into the metadata DB. */
export interface Outbox {
  /** Pending messages with an id above `afterId`, in order of id. */
  pending(afterId: number, limit: number): Promise<readonly OutboxMessage[]>;
  /** Resolves once committed. */
  record(outcomes: readonly OutboxOutcome[]): Promise<void>;
}
