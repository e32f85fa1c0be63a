const decoder = new TextDecoder("utf-8", { fatal: true });

/** Bytes as text where they are UTF-8, else in base64: JSON has no bytes. */
export function toText(bytes: Uint8Array | null): { readonly text: string | null; readonly encoding: "utf-8" | "base64" } {
  if (bytes === null) return { text: null, encoding: "utf-8" };
  try {
    return { text: decoder.decode(bytes), encoding: "utf-8" };
  } catch {
    return { text: Buffer.from(bytes).toString("base64"), encoding: "base64" };
  }
}
