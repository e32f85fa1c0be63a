// Message → entry: decoding, validation and decisions, pure. The committer dedupes and stores.
import { createHash } from "node:crypto";
import type { TriggerMessage } from "@millrace/sdk/provider";
import { DECISION_CODES } from "./decision.ts";
import type { AssetEntry, Subscriber, TriggerEntry } from "./definitions.ts";
import type { IngestEntry, NewAssetEvent, NewDeadLetter, PendingDecision } from "./ingest-unit.ts";
import type { CelScope } from "./cel.ts";
import type { PayloadCheck } from "./json-schema.ts";

const JSON_NULL = Buffer.from("null");
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** A payload as stored (JSON) and as expressions see it. */
export interface DecodedPayload {
  readonly json: Uint8Array;
  readonly value: unknown;
  readonly isJson: boolean;
}

/** Filters, schemas, tasks and answers of the API walk a payload by recursion: one nested deeper is taken as text. */
const MAX_DEPTH = 1_000;

/** JSON where it parses and is not nested absurdly, else text, else `{ base64 }`; a tombstone is null. */
export function decodePayload(bytes: Uint8Array | null): DecodedPayload {
  if (bytes === null) return { json: JSON_NULL, value: null, isJson: true };
  const text = decodeUtf8(bytes);
  if (text !== null) {
    const value = parseJson(text);
    if (value === undefined) return { json: Buffer.from(JSON.stringify(text)), value: text, isJson: false };
    return { json: hasByteOrderMark(bytes) ? Buffer.from(text) : bytes, value, isJson: true };
  }
  const value = { base64: Buffer.from(bytes).toString("base64") };
  return { json: Buffer.from(JSON.stringify(value)), value, isJson: false };
}

/** undefined where it is no JSON, or nested too deep. */
function parseJson(text: string): unknown {
  try {
    return isTooDeep(text) ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTooDeep(text: string): boolean {
  if (text.length <= MAX_DEPTH) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === "[" || char === "{") depth += 1;
    else if (char === "]" || char === "}") depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

/** The place of the quote that ends the string which begins at `start`; the text's end where none does. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === "\\") slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return text.length;
}

function hasByteOrderMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return null;
  }
}

/** One message for every asset that watches this trigger. */
export function prepareEntry(message: TriggerMessage, trigger: TriggerEntry): IngestEntry {
  const decoded = decodePayload(message.value);
  const headers = message.headers.map(([name, value]) => [name, Buffer.from(value).toString("utf8")] as const);
  const headerBytes = headers.length === 0 ? null : Buffer.from(JSON.stringify(headers));
  const events: NewAssetEvent[] = [];
  const deadLetters: NewDeadLetter[] = [];
  for (const asset of trigger.assets) {
    const problem = checkPayload(asset, decoded);
    if (problem !== null) deadLetters.push({ assetId: asset.id, ...problem });
    else {
      const scope = scopeOf(asset.name, decoded.value, headers, message.key);
      events.push({
        assetId: asset.id,
        assetName: asset.name,
        payload: decoded.json,
        messageKey: message.key,
        headers: headerBytes,
        extra: null,
        partitionKey: null,
        sentAt: toInstant(message.sentAt),
        decisions: decide(asset, scope),
      });
    }
  }
  return { ...identify(message), value: message.value, key: message.key, headers: headerBytes, events, deadLetters };
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
