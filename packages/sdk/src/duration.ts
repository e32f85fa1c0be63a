import { DefinitionError } from "./definition-error.ts";

type Unit = "ms" | "s" | "m" | "h" | "d";

/** A length of time, as in `500ms`, `30s`, `10m`, `1h30m`, `2d`. */
export type Duration = `${number}${Unit}` | `${number}h${number}m` | `${number}m${number}s`;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PATTERN = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d)|\d+h\d+m|\d+m\d+s)$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/**
 * In ms. `what` names the option, for the message.
 * @throws {DefinitionError} BAD_DURATION
 */
export function parseDuration(text: unknown, what: string): number {
  if (typeof text !== "string" || !PATTERN.test(text)) {
    throw new DefinitionError("BAD_DURATION", `${what}: ${JSON.stringify(text)} is not a duration`);
  }
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(PART)) ms += Number(amount) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  return Math.round(ms);
}
