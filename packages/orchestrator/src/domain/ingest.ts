// Message → entry: decoding, validation and decisions, pure. The committer dedupes and stores.
import { createHash } from "node:crypto";
import type { TriggerMessage } from "@millrace/sdk/provider";
import { DECISION_CODES } from "./decision.ts";
import { type DecodedPayload, decodePayload, MAX_DEPTH } from "./decode-payload.ts";
import type { AssetEntry, Subscriber, TriggerEntry, WatcherEntry } from "./definitions.ts";
import { type Delivery, EnvelopeError, toPayload } from "./delivery.ts";
import { unwrapDelivery } from "./envelope.ts";
import type { IngestEntry, NewAssetEvent, NewDeadLetter, PendingDecision, RejectedDelivery } from "./ingest-unit.ts";
import type { CelPredicate, CelScope } from "./cel.ts";
import type { CelProjection } from "./cel-projection.ts";
import type { PayloadCheck } from "./json-schema.ts";

/** One message for every asset that watches this trigger. An asset gets all events that are in it, or a dead letter. */
export function prepareEntry(message: TriggerMessage, trigger: TriggerEntry): IngestEntry {
  const headers = message.headers.map(([name, value]) => [name, Buffer.from(value).toString("utf8")] as const);
  const delivery: Delivery = { payload: decodePayload(message.value), headers };
  const outcomes = trigger.watchers.map((watcher) => outcomeFor(watcher, delivery, message));
  return {
    ...identify(message),
    value: message.value,
    key: message.key,
    headers: encodeHeaders(headers),
    events: outcomes.flatMap((outcome) => ("events" in outcome ? outcome.events : [])),
    deadLetters: outcomes.flatMap((outcome) => ("reasonCode" in outcome ? [outcome] : [])),
    cursor: message.cursor ?? null,
    ignored: [...new Set(outcomes.flatMap((outcome) => ("events" in outcome ? outcome.ignored : [])))],
    rejected: outcomes.flatMap((outcome) => ("events" in outcome ? outcome.rejected : [])),
  };
}

type WatcherOutcome =
  | NewDeadLetter
  | { readonly events: readonly NewAssetEvent[]; readonly ignored: readonly string[]; readonly rejected: readonly RejectedDelivery[] };

function outcomeFor({ asset, unwrap, where, payload: project }: WatcherEntry, delivery: Delivery, message: TriggerMessage): WatcherOutcome {
  try {
    const { deliveries, ignored } = unwrapDelivery(delivery, unwrap);
    const { taken, rejected } = filterDeliveries(where, asset, deliveries, message.key);
    const projected = project === null ? taken : taken.map((one) => projectDelivery(project, asset, one, message.key));
    const problem = projected.map(({ payload }) => checkPayload(asset, payload)).find((found) => found !== null);
    if (problem) return { assetId: asset.id, ...problem };
    return { events: projected.map((one) => toEvent(asset, one, message)), ignored, rejected };
  } catch (error) {
    if (error instanceof EnvelopeError) return { assetId: asset.id, reasonCode: "ENVELOPE", reason: error.message };
    if (error instanceof ProjectionError) return { assetId: asset.id, reasonCode: "PAYLOAD", reason: error.message };
    throw error;
  }
}

const SAMPLE_LENGTH = 200;

/** Those that a watcher's `where` takes, and why not the others. */
function filterDeliveries(
  where: CelPredicate | null,
  asset: AssetEntry,
  deliveries: readonly Delivery[],
  key: Uint8Array | null,
): { readonly taken: readonly Delivery[]; readonly rejected: readonly RejectedDelivery[] } {
  if (where === null) return { taken: deliveries, rejected: [] };
  const taken: Delivery[] = [];
  const rejected: RejectedDelivery[] = [];
  for (const delivery of deliveries) {
    const sample = Buffer.from(delivery.payload.json).toString("utf8", 0, SAMPLE_LENGTH);
    try {
      if (where(scopeOf(asset.name, delivery.payload.value, delivery.headers, key))) taken.push(delivery);
      else rejected.push({ reason: "rejected", sample });
    } catch (error) {
      const [firstLine = ""] = (error as Error).message.split("\n");
      rejected.push({ reason: "rejected_error", sample: `${firstLine}: ${sample}` });
    }
  }
  return { taken, rejected };
}

/** A watcher's `payload` failed on this message. */
class ProjectionError extends Error {}

function projectDelivery(project: CelProjection, asset: AssetEntry, delivery: Delivery, key: Uint8Array | null): Delivery {
  try {
    return { ...delivery, payload: toPayload(project(scopeOf(asset.name, delivery.payload.value, delivery.headers, key))) };
  } catch (cause) {
    const [firstLine = ""] = (cause as Error).message.split("\n");
    throw new ProjectionError(`the watcher's payload expression failed: ${firstLine}`, { cause });
  }
}

function toEvent(asset: AssetEntry, { payload, headers }: Delivery, message: TriggerMessage): NewAssetEvent {
  return {
    assetId: asset.id,
    assetName: asset.name,
    payload: payload.json,
    messageKey: message.key,
    headers: encodeHeaders(headers),
    extra: null,
    partitionKey: null,
    sentAt: toInstant(message.sentAt),
    decisions: decide(asset, scopeOf(asset.name, payload.value, headers, message.key)),
  };
}

function encodeHeaders(headers: Delivery["headers"]): Uint8Array | null {
  return headers.length === 0 ? null : Buffer.from(JSON.stringify(headers));
}

/** The last instant that a Date can hold. */
const MAX_INSTANT = 8.64e15;

/** A sender's clock may say anything, as in nanoseconds: what is no instant is none. */
function toInstant(sentAt: number | null): number | null {
  return sentAt !== null && Math.abs(sentAt) <= MAX_INSTANT ? sentAt : null;
}

type Identity = Pick<IngestEntry, "source" | "position" | "seen" | "messageId">;

function identify({ identity }: TriggerMessage): Identity {
  if (identity === null) return { source: "", position: null, seen: null, messageId: null };
  const { source } = identity;
  if ("offset" in identity) {
    if (identity.offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`offset ${identity.offset} of '${source}' is above 2^53`);
    return { source, position: { partition: identity.partition, offset: Number(identity.offset) }, seen: null, messageId: null };
  }
  return { source, position: null, seen: hashIdentity(source, identity.id), messageId: identity.id };
}

/** 128 bits of SHA-256: what `message_seen` keeps of an identity. */
export function hashIdentity(source: string, id: string): Uint8Array {
  return createHash("sha256").update(source).update("\0").update(id).digest().subarray(0, 16);
}

function checkPayload(asset: AssetEntry, decoded: DecodedPayload): Omit<NewDeadLetter, "assetId"> | null {
  if (asset.check === null) return null;
  if (!decoded.isJson)
    return {
      reasonCode: "NOT_JSON",
      reason: `asset '${asset.name}' has a schema, so JSON of at most ${MAX_DEPTH} levels was expected; got ${preview(decoded.value)}`,
    };
  const problem = tryCheck(asset.check, decoded.value);
  return problem === null ? null : { reasonCode: "SCHEMA", reason: `payload does not fit the schema of asset '${asset.name}': ${problem}` };
}

/** A check that throws (nesting too deep for the stack) is a refusal: one message must not hold up the others (P7). */
function tryCheck(check: PayloadCheck, value: unknown): string | null {
  try {
    return check(value);
  } catch (error) {
    return `it cannot be checked: ${(error as Error).message}`;
  }
}

function preview(value: unknown): string {
  return typeof value === "string" ? `the text ${JSON.stringify(value.slice(0, 40))}` : "bytes that are not UTF-8";
}

function scopeOf(asset: string, payload: unknown, headers: readonly (readonly [string, string])[], key: Uint8Array | null): CelScope {
  return { payload, headers: Object.fromEntries(headers), key: key === null ? null : Buffer.from(key).toString("utf8"), asset };
}

/** What an event of this asset does for each DAG subscribed to it (P3). */
export function decide(asset: AssetEntry, scope: CelScope): readonly PendingDecision[] {
  return asset.subscribers.map((subscriber) => ({
    dag: subscriber.dag.id,
    versionId: subscriber.dag.version.id,
    ...decideFor(subscriber, scope),
  }));
}

type Outcome = Pick<PendingDecision, "code" | "reason" | "inbox">;

const RUN: Outcome = { code: DECISION_CODES.run, reason: null, inbox: null };

function decideFor(subscriber: Subscriber, scope: CelScope): Outcome {
  const { dag, isDirect } = subscriber;
  const { slots, failure } = fittingSlots(subscriber, scope);
  if (slots.length === 0) return failure ?? { code: DECISION_CODES.filtered, reason: filtersOf(subscriber), inbox: null };
  if (isDirect && !dag.isPaused) return RUN;
  return { code: dag.isPaused ? DECISION_CODES.held : DECISION_CODES.inbox, reason: null, inbox: { shard: dag.shard, slots } };
}

/** The slots of the pattern whose filters an event passes; `failure` where none does and one of them failed. */
export function fittingSlots(
  { slots }: Pick<Subscriber, "slots">,
  scope: CelScope,
): { readonly slots: readonly number[]; readonly failure: Outcome | null } {
  const fitting: number[] = [];
  let failure: Outcome | null = null;
  for (const { index, where, whereText } of slots) {
    try {
      if (where === null || where(scope)) fitting.push(index);
    } catch (error) {
      const [firstLine = ""] = (error as Error).message.split("\n");
      failure = { code: DECISION_CODES.filter_error, reason: `${whereText}: ${firstLine}`, inbox: null };
    }
  }
  return { slots: fitting, failure };
}

function filtersOf({ slots }: Subscriber): string {
  const texts = slots.map(({ whereText }) => whereText);
  return texts.length === 1 ? `${texts[0]} is false` : `${texts.join(", ")} are false`;
}

/** What expressions see of an event that is stored. */
export function scopeOfStored(asset: string, event: Pick<NewAssetEvent, "payload" | "headers" | "messageKey">): CelScope {
  const headers = event.headers === null ? [] : (JSON.parse(Buffer.from(event.headers).toString("utf8")) as [string, string][]);
  return scopeOf(asset, decodePayload(event.payload).value, headers, event.messageKey);
}

/** An event brought by a task or made by hand. @throws {Error} a sentence, where the payload does not fit the asset's schema. */
export function prepareEvent(asset: AssetEntry, payload: Uint8Array, extra: Uint8Array | null, partitionKey: string | null): NewAssetEvent {
  const decoded = decodePayload(payload);
  const problem = checkPayload(asset, decoded);
  if (problem !== null) throw new Error(problem.reason);
  return {
    assetId: asset.id,
    assetName: asset.name,
    payload: decoded.json,
    messageKey: null,
    headers: null,
    extra: extra ?? null,
    partitionKey,
    sentAt: null,
    decisions: decide(asset, scopeOf(asset.name, decoded.value, [], null)),
  };
}
