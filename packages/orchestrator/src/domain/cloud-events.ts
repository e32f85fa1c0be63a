import { type DecodedPayload, decodePayload } from "./decode-payload.ts";
import { type Delivery, EnvelopeError, fieldsOf, quote, single, textHeaders, toPayload, type Unwrapped } from "./delivery.ts";

/** Of attributes in headers: Kafka's and HTTP's, AMQP's, and JMS's, which SQS can hold. */
const BINARY = /^(?:ce_|ce-|cloudEvents:|cloudEvents_)(?<name>[a-z0-9]+)$/i;
const REQUIRED = ["id", "source", "type"] as const;

/**
 * CloudEvents 1.0: binary mode where the attributes are headers, else structured or a batch. Whatever the mode, an
 * attribute becomes the header `ce-<name>`, and `datacontenttype` becomes `content-type`. @throws {EnvelopeError}
 */
export function unwrapCloudEvents(delivery: Delivery): Unwrapped {
  const attributes = binaryAttributes(delivery);
  if ("specversion" in attributes) return single(unwrapBinary(delivery, attributes));
  const { value } = delivery.payload;
  const events: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (events.length === 0) return { deliveries: [], ignored: ["a batch of CloudEvents without events"] };
  return { deliveries: events.map((event) => unwrapStructured(event, delivery.headers)), ignored: [] };
}

function binaryAttributes({ headers }: Delivery): Readonly<Record<string, string>> {
  const found = headers.flatMap(([name, value]) => {
    const attribute = BINARY.exec(name)?.groups?.["name"];
    return attribute === undefined ? [] : [[attribute.toLowerCase(), /^ce-/i.test(name) ? percentDecoded(value) : value] as const];
  });
  return Object.fromEntries(found);
}

/** HTTP's binding writes what is not ASCII as `%XX`. */
function percentDecoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function unwrapBinary({ payload, headers }: Delivery, attributes: Readonly<Record<string, string>>): Delivery {
  assertAttributes(attributes);
  return { payload, headers: [...headers.filter(([name]) => !BINARY.test(name)), ...toHeaders(attributes)] };
}

function unwrapStructured(event: unknown, headers: Delivery["headers"]): Delivery {
  const fields = fieldsOf(event);
  if (fields === null || !("specversion" in fields)) {
    throw new EnvelopeError(`expected a CloudEvent, as JSON with "specversion" or with its attributes in headers, got ${quote(event)}`);
  }
  const { data, data_base64: encoded, ...attributes } = fields;
  assertAttributes(attributes);
  const others = headers.filter(([name]) => name.toLowerCase() !== "content-type");
  return { payload: dataOf(data, encoded), headers: [...others, ...toHeaders(attributes)] };
}

/** @throws {EnvelopeError} */
function assertAttributes(attributes: Readonly<Record<string, unknown>>): void {
  const version = attributes["specversion"];
  if (typeof version !== "string" || !/^1(\.|$)/.test(version)) {
    throw new EnvelopeError(`expected a CloudEvent of specversion 1.0, got ${quote(version)}`);
  }
  const missing = REQUIRED.find((name) => typeof attributes[name] !== "string" || attributes[name] === "");
  if (missing !== undefined) throw new EnvelopeError(`expected a CloudEvent with the attribute "${missing}", got ${quote(attributes)}`);
}

function dataOf(data: unknown, encoded: unknown): DecodedPayload {
  if (encoded === undefined) return toPayload(data ?? null);
  if (data !== undefined) throw new EnvelopeError('expected a CloudEvent with "data" or "data_base64", got both');
  // Without its spaces first: a pattern that allows them everywhere takes quadratic time.
  if (typeof encoded !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded.replace(/\s/g, ""))) {
    throw new EnvelopeError(`expected the "data_base64" of a CloudEvent to be base64, got ${quote(encoded)}`);
  }
  return decodePayload(Buffer.from(encoded, "base64"));
}

function toHeaders({ datacontenttype, ...attributes }: Readonly<Record<string, unknown>>): (readonly [string, string])[] {
  const named = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name.toLowerCase()}`, value]));
  return textHeaders({ ...named, "content-type": datacontenttype });
}
