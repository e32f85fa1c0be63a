/**
 * The contract between Millrace and a provider package: what a trigger yields, how it is settled, how a
 * message is published. A provider's second door (`@millrace/<name>/provider`) exports `provider`.
 */

export { defineDestination, type Destination } from "./destination.ts";
export type { Schema } from "./schema.ts";
export type { EventTrigger, Trigger } from "./trigger.ts";
export { nearestName } from "./nearest-name.ts";
export { warnOfUnknownExtra } from "./unknown-extra.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** An address and secret of an outside system, in the field's own words. */
export interface Connection {
  readonly id: string;
  readonly connType: string;
  readonly host?: string | undefined;
  readonly login?: string | undefined;
  readonly password?: string | undefined;
  readonly port?: number | undefined;
  readonly schema?: string | undefined;
  readonly extra: Readonly<Record<string, unknown>>;
}

/**
 * Who a message is, as its broker says it. `source` is one log or queue (for Kafka: cluster id + group +
 * topic id), so the same identity never comes from two places. An ordered log has an offset; null means
 * the broker gives none, and the message is taken at least once.
 */
export type MessageIdentity =
  | { readonly source: string; readonly partition: string; readonly offset: bigint }
  | { readonly source: string; readonly id: string };

export interface TriggerMessage {
  readonly identity: MessageIdentity | null;
  /** null is a tombstone: it becomes an event whose payload is null. */
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null;
  readonly headers: readonly (readonly [string, Uint8Array])[];
  /** UTC ms, by the broker's or the sender's clock. */
  readonly sentAt: number | null;
  readonly attributes: Readonly<Record<string, string>>;
  /** Stored in the commit that stores the message, as the newest of its source. `value` is JSON. */
  readonly cursor?: { readonly source: string; readonly value: string };
}

/** `ack`: stored, never send it again. `retry`: send it again after delayMs. `reject`: give it up. */
export interface Settlement {
  readonly message: TriggerMessage;
  readonly outcome: "ack" | "retry" | "reject";
  readonly delayMs?: number;
}

/**
 * One open subscription. Iterating yields batches of at most 1,000 messages, never an empty one. When
 * iteration throws, the stream is dead and the triggerer opens a new one after a backoff.
 */
export interface TriggerStream extends AsyncIterable<readonly TriggerMessage[]> {
  /** May come late, for a part of a batch, in any order. A settlement that fails leaves the message to be redelivered. */
  settle(settlements: readonly Settlement[]): Promise<void>;
  extend?(messages: readonly TriggerMessage[], ms: number): Promise<void>;
  /** Stops pulling; what was already pulled may still be yielded. Harmless when already paused. */
  pause(): void;
  resume(): void;
  /** Messages that wait in the broker. */
  lag?(): Promise<number>;
  /** Ends iteration, waits for settlements under way, returns unsettled messages to the broker where it can. */
  close(options: { readonly deadlineMs: number }): Promise<void>;
}

export type StreamState = "connecting" | "streaming" | "reconnecting";

/** Messages that retention removed from the broker before they were read. */
export interface PositionGap {
  readonly source: string;
  readonly partition: string;
  readonly expected: bigint;
  readonly actual: bigint;
}

export interface ProviderLog {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

export interface OpenTriggerContext {
  /** The name of this trigger to its broker (a Kafka group id), stable over restarts and edits of its params. */
  readonly defaultGroup: string;
  /** The next offset to read, per partition, as stored with the events. The truth for ordered logs. */
  positions(source: string): Promise<ReadonlyMap<string, bigint>>;
  /** Stores where reading begins, for partitions that have no position yet; the others stay as they are. */
  startPositions(source: string, starts: ReadonlyMap<string, bigint>): Promise<void>;
  /** The newest cursor that was stored with a message of this source. */
  cursor(source: string): Promise<string | null>;
  readonly signal: AbortSignal;
  readonly log: ProviderLog;
  onState(state: StreamState, error?: Error): void;
  onGap(gap: PositionGap): void;
}

export interface TriggerKind<Params extends object = any> {
  /** JSON Schema (draft 2020-12) of `params`; the loader refuses what does not fit. */
  readonly params: JsonSchema;
  /** `competing`: several triggerers may open it at once and share its messages. `exclusive`: one at a time. */
  readonly sharing: "competing" | "exclusive";
  /** Equal strings on equal connections are one trigger and share one stream: key order and defaults must not matter. */
  canonical(params: Params): string;
  /** Names what this trigger reads (a queue URL, a topic), so that two different triggers on one queue can be refused. Empty where sharing is harmless. */
  queues(params: Params): readonly string[];
  /** What is used as the connection `id`, given the one that is set; null where it must be set. Pure. Absent: what is set. */
  completeConnection?(params: Params, id: string, found: Connection | null): Connection | null;
  /** @throws {TriggerError} where the queue cannot be opened; the triggerer shows it and tries again after a backoff. */
  open(params: Params, connection: Connection, context: OpenTriggerContext): Promise<TriggerStream>;
}

export interface OutboundMessage {
  /** Stable over retries: consumers can use it to drop a second copy. Sent as header `millrace-message-id`. */
  readonly id: string;
  /** The destination's params. */
  readonly params: object;
  readonly body: Uint8Array;
  /** The options given to `publish`. */
  readonly options: object;
}

/** `retry`: nothing wrong with the message, the broker could not take it now. `rejected`: it never will. */
export type PublishResult =
  | { readonly outcome: "sent" }
  | { readonly outcome: "retry"; readonly reason: string }
  | { readonly outcome: "rejected"; readonly reason: string };

export interface Publisher {
  /** One result per message, in order. Throws only where all of them are to be retried. */
  publish(messages: readonly OutboundMessage[]): Promise<readonly PublishResult[]>;
  close(): Promise<void>;
}

export interface DestinationKind<Params extends object = any> {
  readonly params: JsonSchema;
  /** JSON Schema (draft 2020-12) of the options of `publish`. */
  readonly options: JsonSchema;
  /** Messages of one lane keep their order and block only each other: the queue or topic. */
  lane(params: Params): string;
  /** What is used as the connection `id`, given the one that is set; null where it must be set. Pure. Absent: what is set. */
  completeConnection?(params: Params, id: string, found: Connection | null): Connection | null;
  openPublisher(connection: Connection, context: { readonly log: ProviderLog }): Promise<Publisher>;
  /** The options of `publish` for a message that a person sends. A `key` keeps messages in order, where the system has such a thing. */
  messageOptions?(message: { readonly key: string | null; readonly headers: Readonly<Record<string, string>> }): object;
}

/** Neither text shows a secret. `hint`: what to do. */
export type ConnectionTestResult =
  | { readonly ok: true; readonly message: string }
  | { readonly ok: false; readonly message: string; readonly hint: string };

/** A trigger or destination of this provider, as data. */
export interface QueueTarget {
  readonly kind: string;
  /** The default one. */
  readonly connection: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** How a provider takes a queue that is named by its URL alone: by `messageQueueTrigger`, `messageQueue` or `millrace publish`. */
export interface QueueScheme {
  /** What authors write as `scheme` where the URL cannot tell, such as `sqs`. */
  readonly scheme: string;
  /** `yes`: surely one of ours. `maybe`: it can be one of ours, and of others. Never throws. */
  match(queue: string): "yes" | "maybe" | "no";
  /** `queue` is a URL, or the bare name that the connection makes complete. @throws {Error} a sentence, where it is neither */
  trigger(queue: string): QueueTarget;
  /** As `trigger`. @throws {Error} a sentence */
  destination(queue: string): QueueTarget;
  /** The URL of the queue that has this bare name, asked of the system itself. Absent where a name is enough. @throws {TriggerError} */
  find?(name: string, connection: Connection, context: { readonly log: ProviderLog }): Promise<string>;
}

export interface Provider {
  readonly name: string;
  /** Values of a connection's `conn_type` that belong here. */
  readonly connTypes: readonly string[];
  /** By `Trigger.kind`. */
  readonly triggers: Readonly<Record<string, TriggerKind>>;
  /** By `Destination.kind`. */
  readonly destinations: Readonly<Record<string, DestinationKind>>;
  /** Absent where a queue's URL does not say enough. */
  readonly queues?: QueueScheme;
  /** Connects, and says what it found or what is wrong: a wrong password, an address nobody answers at, the permission that is missing. */
  testConnection?(
    connection: Connection,
    context: { readonly log: ProviderLog; readonly signal: AbortSignal },
  ): Promise<ConnectionTestResult>;
}

/** A trigger or publisher that cannot be opened: what was expected, what was got, what to do. */
export class TriggerError extends Error {
  override readonly name = "TriggerError";
  readonly code: string;
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
