import { MillraceError } from "../../domain/errors.ts";

/** Stands for a secret in answers; sent back, it keeps what is stored. */
export const MASK = "***";

const SECRET_NAME = /pass(word|wd|phrase)|secret|token|credential|authorization|private.?key|access.?key|api.?key|keyfile|jaas|\.pem$/i;
/** Names that hold one of those words, and say where or which: `sasl.oauthbearer.token.endpoint.url`, `aws_access_key_id`. */
const PLACE_NAME = /(url|uri|endpoint|location|path|method|[._-]id)$/i;
/** A private key, or the user and password in a URL; in linear time. */
const SECRET_TEXT = /-----BEGIN [A-Z ]*PRIVATE KEY|:\/\/[^\s/@:]*:[^\s/@]*@/i;

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !PLACE_NAME.test(name);
}

/** A copy with secrets masked: what lies under a secret's name, and text that looks like one. */
export function mask(value: unknown, name = ""): unknown {
  const isThere = value !== null && value !== undefined && value !== "";
  if (isThere && typeof value !== "boolean" && isSecretName(name)) return MASK;
  if (typeof value === "string") return SECRET_TEXT.test(value) ? MASK : value;
  if (Array.isArray(value)) return value.map((item) => mask(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mask(item, key)]));
}

/**
 * `given`, with the stored value wherever it is masked.
 * @throws {MillraceError} BAD_REQUEST where nothing is stored there
 */
export function unmask(given: unknown, stored: unknown, path: string): unknown {
  if (given === MASK) {
    if (stored !== undefined && stored !== null) return stored;
    throw new MillraceError("BAD_REQUEST", `field '${path}': '${MASK}' stands for the stored value, and none is stored`);
  }
  if (Array.isArray(given)) return given.map((item, at) => unmask(item, (stored as readonly unknown[] | undefined)?.[at], `${path}.${at}`));
  if (typeof given !== "object" || given === null) return given;
  const before = (typeof stored === "object" ? stored : null) as Readonly<Record<string, unknown>> | null;
  return Object.fromEntries(Object.entries(given).map(([key, item]) => [key, unmask(item, before?.[key], `${path}.${key}`)]));
}
