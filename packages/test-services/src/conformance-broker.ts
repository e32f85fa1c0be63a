import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type {
  Connection,
  DestinationKind,
  OutboundMessage,
  Provider,
  PublishResult,
  Publisher,
  TriggerKind,
  TriggerMessage,
  TriggerStream,
} from "@millrace/sdk/provider";
import type { MessageStore } from "./message-store.ts";

export interface ConformanceMessage {
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One queue or topic of a real broker, made for one test. */
export interface ConformanceQueue {
  readonly name: string;
  readonly triggerParams: object;
  readonly destinationParams: object;
  produce(messages: readonly ConformanceMessage[]): Promise<void>;
  /** All that lies in it, with headers as text. */
  read(): Promise<readonly { readonly value: Buffer | null; readonly headers: Readonly<Record<string, string>> }[]>;
}

export interface ConformanceBroker {
  readonly connection: Connection;
  /** Reaches a broker that checks logins, with a wrong one. */
  readonly wrongLogin?: Connection;
  createQueue(): Promise<ConformanceQueue>;
  /** Params of a queue that does not exist. */
  readonly missing: { readonly name: string; readonly triggerParams: object; readonly destinationParams: object };
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface ConformanceOptions {
  readonly kind: string;
  readonly provider: Provider;
  /** For a process of its own: the module that exports `provider`. */
  readonly providerUrl: string;
  readonly skip: string | false;
  /** For tests that leave it running. */
  shared(): Promise<ConformanceBroker>;
  /** For tests that kill it: its data outlives that. */
  own(t: TestContext): Promise<ConformanceBroker>;
  readonly missingCode: string;
  readonly hasLag: boolean;
  /** Beyond text: what this broker can carry. */
  readonly payloads: Readonly<Record<string, Buffer | null>>;
  /** A body that the broker never takes. */
  readonly rejectedBody: Buffer;
}

export const CLOSE_MS = 20_000;

/** Opens a trigger for the length of a test. */
export async function open(
  t: TestContext,
  kind: TriggerKind,
  broker: ConformanceBroker,
  queue: ConformanceQueue,
  store: MessageStore,
): Promise<TriggerStream> {
  const stream = await kind.open(queue.triggerParams, broker.connection, store.context({ group: `group-${queue.name}` }));
  t.after(() => stream.close({ deadlineMs: 0 }));
  return stream;
}

export async function openPublisher(t: TestContext, kind: DestinationKind, broker: ConformanceBroker): Promise<Publisher> {
  const silent = (): void => {};
  const publisher = await kind.openPublisher(broker.connection, { log: { debug: silent, info: silent, warn: silent, error: silent } });
  t.after(() => publisher.close());
  return publisher;
}

export const text = (value: string, headers?: Readonly<Record<string, string>>): ConformanceMessage => ({
  value: Buffer.from(value, "utf8"),
  ...(headers === undefined ? {} : { headers }),
});
export const numbered = (prefix: string, count: number): ConformanceMessage[] =>
  Array.from({ length: count }, (_, n) => text(`${prefix} ${n}`));
const valuesOf = (messages: readonly ConformanceMessage[]): string[] => messages.map(({ value }) => String(value));
export const sorted = (values: Iterable<string>): string[] => [...values].toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
export const isStored = (store: MessageStore, messages: readonly ConformanceMessage[]): void =>
  assert.deepEqual(sorted(store.values), sorted(valuesOf(messages)));

export function outbound(queue: { readonly destinationParams: object }, bodies: readonly (string | Buffer)[]): OutboundMessage[] {
  return bodies.map((body, n) => ({ id: `outbox-${n}`, params: queue.destinationParams, body: Buffer.from(body), options: {} }));
}
export const outcomesOf = (results: readonly PublishResult[]): string[] => results.map((result) => result.outcome);

/** Stores and acknowledges, opening the stream again when it dies: what the triggerer does. Ends with the test or `stop()`. */
export function keepDraining(
  t: TestContext,
  kind: TriggerKind,
  broker: ConformanceBroker,
  queue: ConformanceQueue,
  store: MessageStore,
): () => Promise<void> {
  const stopping = new AbortController();
  let current: TriggerStream | null = null;
  const round = async (): Promise<void> => {
    const stream = await kind.open(queue.triggerParams, broker.connection, store.context({ group: `group-${queue.name}` }));
    current = stream;
    try {
      if (!stopping.signal.aborted) await store.drain(stream);
    } finally {
      await stream.close({ deadlineMs: stopping.signal.aborted ? CLOSE_MS : 1_000 });
    }
  };
  const loop = (async () => {
    while (!stopping.signal.aborted) await round().catch(() => new Promise((resolve) => setTimeout(resolve, 50)));
  })();
  const stop = async (): Promise<void> => {
    stopping.abort();
    await current?.close({ deadlineMs: CLOSE_MS });
    await loop;
  };
  t.after(stop);
  return stop;
}

export function identityText({ identity }: TriggerMessage): string {
  return JSON.stringify(identity, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}
