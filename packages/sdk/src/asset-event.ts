/** The stored fact that an asset changed, as a task sees it. */
export interface AssetEvent<Name extends string = string, Payload = unknown> {
  readonly id: string;
  readonly asset: Name;
  /** What the asset's schema made of the message; null for a tombstone. */
  readonly payload: Payload;
  /** The message's key as its broker gave it; null where it has none. */
  readonly messageKey: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly partitionKey: string | null;
  /** When the event was stored. */
  readonly timestamp: Date;
  readonly extra: Readonly<Record<string, unknown>>;
}
