/** Messages that a person sends: `millrace publish`. */
export interface PublishRequest {
  readonly connection: string;
  /** A queue's URL, or its bare name. */
  readonly queue: string;
  readonly body: Uint8Array;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** How many copies. */
  readonly count: number;
}

export interface Published {
  /** Of the destination, such as `kafka`. */
  readonly kind: string;
  /** As the provider reads the name of the queue. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Sent as the header `millrace-message-id`. */
  readonly messageIds: readonly string[];
}
