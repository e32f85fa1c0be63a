const SECRET_NAME = /pass(word|wd|phrase)|secret|token|authorization|cookie|credential|private.?key|access.?key|api.?key/i;
/** Of a URL, from where its scheme ends: a pattern for the scheme would take quadratic time on a long word. */
const USER_INFO = /:\/\/[^\s/@]*@/g;
const MAX_DEPTH = 6;
const REDACTED = "[redacted]";

/** A copy of `fields` that is safe to write: values under a secret's name and the user info of URLs are left out. */
export function redact(fields: object): Record<string, unknown> {
  return copyObject(fields, 0, new Set());
}

/** `text` without the user and password of the URLs in it. */
export function redactText(text: string): string {
  return text.replace(USER_INFO, `://${REDACTED}@`);
}

function copyObject(value: object, depth: number, above: ReadonlySet<object>): Record<string, unknown> {
  const path = new Set(above).add(value);
  const entries = Object.entries(value).map(([name, item]) => [name, copyField(name, item, depth, path)] as const);
  return Object.fromEntries(entries);
}

function copyField(name: string, value: unknown, depth: number, above: ReadonlySet<object>): unknown {
  const isSecret = SECRET_NAME.test(name) && value !== null && value !== undefined && typeof value !== "boolean";
  return isSecret ? REDACTED : copyValue(value, depth + 1, above);
}

function copyValue(value: unknown, depth: number, above: ReadonlySet<object>): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (above.has(value)) return "[circular]";
  if (depth > MAX_DEPTH) return "[too deep]";
  if (value instanceof Error) return copyError(value, depth, above);
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value;
  const path = new Set(above).add(value);
  if (Array.isArray(value)) return value.map((item) => copyValue(item, depth + 1, path));
  return copyObject(value, depth, above);
}

/** An error's own fields (code, hint) and its causes go along; pino's serializer would leave causes out. */
function copyError(error: Error, depth: number, above: ReadonlySet<object>): Record<string, unknown> {
  const { name, message, stack } = error;
  const fixed = { name, message: redactText(message), stack: redactText(stack ?? "") };
  const cause = error.cause === undefined ? {} : { cause: copyValue(error.cause, depth + 1, new Set(above).add(error)) };
  return { ...copyObject(error, depth, above), ...fixed, ...cause };
}
