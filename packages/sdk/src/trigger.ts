/** A serialisable description of what to wait for: made by a provider's function, opened by the triggerer. */
export interface Trigger {
  /** Names the provider's trigger kind, e.g. `kafka`. */
  readonly kind: string;
  /** Id of the connection; the provider's function chooses the default, e.g. `kafka_default`. */
  readonly connection: string;
  readonly params: object;
}
