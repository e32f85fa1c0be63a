const decoder = new TextDecoder();

/** The value of a BLOB that holds JSON. */
export function decodeJson<Value>(bytes: Uint8Array): Value {
  return JSON.parse(decoder.decode(bytes)) as Value;
}

export function decodeObject(bytes: Uint8Array | null): Readonly<Record<string, unknown>> {
  return bytes === null ? {} : decodeJson<Readonly<Record<string, unknown>>>(bytes);
}

export function decodeHeaders(bytes: Uint8Array | null): readonly (readonly [string, string])[] {
  return bytes === null ? [] : decodeJson<readonly (readonly [string, string])[]>(bytes);
}
