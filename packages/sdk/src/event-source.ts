import type { AssetEvent } from "./asset-event.ts";

declare const eventType: unique symbol;
declare const rawPayloadType: unique symbol;

/** What yields one asset event at a time: an asset, a wildcard, `each` with a filter, or `any` of those. */
export type SourceKind = "asset" | "assetsMatching" | "each" | "any";

/** `RawPayload` is the payload as it arrives, which `where` sees; the event's is what the schema made of it. */
export interface EventSource<E extends AssetEvent = AssetEvent, RawPayload = unknown> {
  readonly kind: SourceKind;
  readonly [eventType]?: E | undefined;
  readonly [rawPayloadType]?: RawPayload | undefined;
}

export type EventOf<S> = S extends EventSource<infer E, any> ? E : never;
export type PayloadOf<S> = EventOf<S>["payload"];
export type RawPayloadOf<S> = S extends EventSource<any, infer RawPayload> ? RawPayload : never;
