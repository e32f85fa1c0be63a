import type { DestinationKind, TriggerKind } from "@millrace/sdk/provider";

/** The trigger and destination kinds of the providers that are installed. */
export interface ProviderCatalog {
  findTrigger(kind: string): TriggerKind | undefined;
  findDestination(kind: string): DestinationKind | undefined;
}
