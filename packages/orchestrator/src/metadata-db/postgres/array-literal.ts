import type { ColumnType } from "../commit/commit-tables.ts";
import type { SqlValue } from "../sql-script.ts";

/**
 * Values of one column as the text of a PostgreSQL array (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO).
 * Text that PostgreSQL cannot hold, a zero character, becomes U+FFFD.
 */
export function arrayLiteral(type: ColumnType, values: readonly SqlValue[]): string {
  return `{${values.map((value) => (value === null ? "NULL" : elementOf(type, value))).join(",")}}`;
}

/** A single value as a parameter. */
export function parameterOf(value: SqlValue): SqlValue {
  return typeof value === "string" ? toStorableText(value) : value;
}

function elementOf(type: ColumnType, value: Exclude<SqlValue, null>): string {
  if (value instanceof Uint8Array) return `"\\\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}"`;
  if (type !== "text") return String(value);
  return `"${toStorableText(String(value)).replaceAll(/["\\]/g, "\\$&")}"`;
}

function toStorableText(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text;
}
