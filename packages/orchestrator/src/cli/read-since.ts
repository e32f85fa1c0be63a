import { parseDurationMs } from "../config/option.ts";
import { MillraceError } from "../domain/errors.ts";

/** The instant (ISO 8601) that a duration back from now, or an instant, stands for. @throws {MillraceError} USAGE */
export function readSince(option: string, text: string, now: number): string {
  const back = parseDurationMs(text);
  const at = back === undefined ? (/^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN) : now - back;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new MillraceError(
    "USAGE",
    `${option}: expected a duration like 30m, 2h, 7d or an instant like 2026-11-21T06:00:00Z, got '${text}'`,
  );
}
