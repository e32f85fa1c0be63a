/** A serialisable description of what to wait for: made by a provider's function, opened by the triggerer. */
export interface Trigger {
  /** Names the provider's trigger kind, e.g. `kafka`. */
  readonly kind: string;
  /** Id of the connection; the provider's function chooses the default, e.g. `kafka_default`. */
  readonly connection: string;
  readonly params: object;
  /** What it reads, where its params do not say: two different triggers with the same one would take each other's events. */
  readonly source?: string | undefined;
  /** `deferral`: a task can wait for it, but it yields no events, so nothing can watch it. Absent: it yields events. */
  readonly for?: "events" | "deferral";
}

/** A trigger that yields events: what an asset's watcher takes. */
export interface EventTrigger extends Trigger {
  readonly for?: "events";
}
