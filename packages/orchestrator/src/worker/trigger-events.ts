import type { WireTriggerEvent } from "../domain/trigger-host-frames.ts";

/** What goes in one frame. */
export interface EncodedEvents {
  readonly events: readonly WireTriggerEvent[];
  readonly payloads: readonly Uint8Array[];
}

/** As many as a stream gives at once. */
const MAX_EVENTS = 1_000;
/** As of a task's result: it is held in memory here and in the server. */
const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
const FIELDS = ["payload", "id", "key", "headers", "sentAt", "cursor"];

/** What `run` yielded: an event or a list of them. @throws {TypeError} a sentence, for what is none */
export function encodeEvents(value: unknown): readonly EncodedEvents[] {
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const encoded = given.map(encodeEvent);
  return Array.from({ length: Math.ceil(encoded.length / MAX_EVENTS) }, (_, index) => {
    const slice = encoded.slice(index * MAX_EVENTS, (index + 1) * MAX_EVENTS);
    return { events: slice.map(({ event }) => event), payloads: slice.map(({ payload }) => payload) };
  });
}

interface Encoded {
  readonly event: WireTriggerEvent;
  readonly payload: Uint8Array;
}

function encodeEvent(value: unknown): Encoded {
  if (typeof value !== "object" || value === null || !("payload" in value)) {
    throw new TypeError(`expected run to yield { payload, … }, or a list of such events, got ${shown(value)}`);
  }
  const unknown = Object.keys(value).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) throw new TypeError(`an event that run yields has the fields ${FIELDS.join(", ")}, got '${unknown}'`);
  const { id, key, headers, sentAt, cursor, payload } = value as Readonly<Record<string, unknown>>;
  const bytes = payload instanceof Uint8Array ? payload : Buffer.from(toJson("payload", payload));
  if (bytes.byteLength > MAX_PAYLOAD_BYTES) {
    throw new TypeError(`the payload of an event has ${bytes.byteLength} bytes, expected at most ${MAX_PAYLOAD_BYTES}`);
  }
  const event: WireTriggerEvent = {
    id: optionalText("id", id),
    key: optionalText("key", key),
    headers: headerPairs(headers),
    sentAt: instantOf(sentAt),
    cursor: cursor === undefined ? null : toJson("cursor", cursor),
    payloadBytes: bytes.byteLength,
  };
  return { event, payload: bytes };
}

function toJson(name: string, value: unknown): string {
  let json: string | undefined;
  let reason = "";
  try {
    json = JSON.stringify(value);
  } catch (error) {
    reason = `: ${(error as Error).message}`;
  }
  if (json === undefined) throw new TypeError(`the ${name} of an event must be JSON, got ${shown(value)}${reason}`);
  return json;
}

function optionalText(name: string, value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" && value !== "") return value;
  throw new TypeError(`the ${name} of an event must be text that is not empty, got ${shown(value)}`);
}

function headerPairs(headers: unknown): readonly (readonly [string, string])[] {
  if (headers === undefined) return [];
  if (typeof headers !== "object" || headers === null)
    throw new TypeError(`the headers of an event must be an object, got ${shown(headers)}`);
  return Object.entries(headers).map(([name, value]) => {
    if (typeof value !== "string") throw new TypeError(`the header '${name}' of an event must be text, got ${shown(value)}`);
    return [name, value] as const;
  });
}

function instantOf(sentAt: unknown): number | null {
  if (sentAt === undefined) return null;
  if (sentAt instanceof Date && !Number.isNaN(sentAt.getTime())) return sentAt.getTime();
  throw new TypeError(`the sentAt of an event must be a Date, got ${shown(sentAt)}`);
}

function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  return typeof value === "string" ? `'${value.slice(0, 40)}'` : String(value).slice(0, 40);
}
