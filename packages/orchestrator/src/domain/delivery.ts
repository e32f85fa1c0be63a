import { type DecodedPayload } from "./decode-payload.ts";

/** What an asset event is made of: a message as it came, or what was in it. */
export interface Delivery {
  readonly payload: DecodedPayload;
  readonly headers: readonly (readonly [string, string])[];
}

/** What came out of an envelope. One that holds several things makes several events of one message. */
export interface Unwrapped {
  readonly deliveries: readonly Delivery[];
  /** What was in it that is no event, such as `s3:TestEvent`. */
  readonly ignored: readonly string[];
}

/** Does not fit its envelope: the message is a dead letter. The sentence says what was expected. */
export class EnvelopeError extends Error {
  override readonly name = "EnvelopeError";
}

export function single(delivery: Delivery): Unwrapped {
  return { deliveries: [delivery], ignored: [] };
}

/** null for what is no object. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : null;
}

/** A part of a message's JSON as a payload. */
export function toPayload(value: unknown): DecodedPayload {
  return { json: Buffer.from(JSON.stringify(value)), value, isJson: true };
}

/** Texts as they are, the rest as JSON; what is absent is left out. */
export function textHeaders(fields: Readonly<Record<string, unknown>>): (readonly [string, string])[] {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return given.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const);
}

/** A value as a sentence shows it: short, on one line. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
