import { MillraceError } from "../domain/errors.ts";

/** One setting: the flag wins over the variable, the variable over the default. */
export interface Option<Value> {
  readonly flag: string | null;
  readonly variable: string;
  /** What the value may be, as a noun phrase; ends the sentence "expected …". */
  readonly allowed: string;
  /** What was got is never shown. */
  readonly isSecret?: true;
  /** The value in the text, or undefined where the text is not one. */
  parse(text: string): Value | undefined;
}

/** @throws {MillraceError} CONFIG_INVALID */
export function parseOption<Value>(option: Option<Value>, text: string): Value {
  const value = option.parse(text);
  if (value !== undefined) return value;
  const name = option.flag === null ? option.variable : `${option.flag} (${option.variable})`;
  throw new MillraceError(
    "CONFIG_INVALID",
    `${name}: expected ${option.allowed}, got ${option.isSecret === true ? "something else" : `'${text}'`}`,
  );
}

export function parseInteger(min: number, max: number): (text: string) => number | undefined {
  return (text) => {
    const value = /^\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  };
}

export function parseOneOf<Name extends string>(names: readonly Name[]): (text: string) => Name | undefined {
  return (text) => names.find((name) => name === text.trim().toLowerCase());
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds in `500ms`, `30s`, `2m`, `1h`, `7d`. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim());
  return match === null ? undefined : Number(match[1]) * UNIT_MS[match[2]!]!;
}

/** The same, or `off`: for ever. */
export function parseRetentionMs(text: string): number | undefined {
  return text.trim() === "off" ? Number.POSITIVE_INFINITY : parseDurationMs(text);
}

export function parseNames(text: string): readonly string[] | undefined {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return names.every((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) ? names : undefined;
}
