import type { DestinationKind, Provider, QueueScheme, TriggerKind } from "@millrace/sdk/provider";

/** The trigger and destination kinds of the providers that are installed. */
export interface ProviderCatalog {
  findTrigger(kind: string): TriggerKind | undefined;
  findDestination(kind: string): DestinationKind | undefined;
  /** The provider whose connections have that `conn_type`. */
  findProvider(connType: string): Provider | undefined;
  /** Of every provider that takes a queue by its URL. */
  readonly queueSchemes: readonly QueueScheme[];
  /** Of the provider whose connections have this `conn_type`. */
  findQueueScheme(connType: string): QueueScheme | undefined;
}
