const JSON_NULL = Buffer.from("null");
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** A payload as stored (JSON) and as expressions see it. */
export interface DecodedPayload {
  readonly json: Uint8Array;
  readonly value: unknown;
  readonly isJson: boolean;
}

/** Filters, schemas, tasks and answers of the API walk a payload by recursion: one nested deeper is taken as text. */
export const MAX_DEPTH = 1_000;

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
