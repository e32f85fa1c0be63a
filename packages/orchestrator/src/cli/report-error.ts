import { styleText } from "node:util";
import type { Environment } from "../config/config.ts";
import { type ErrorCode, MillraceError } from "../domain/errors.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";

const USAGE_CODES: ReadonlySet<ErrorCode> = new Set(["USAGE", "CONFIG_INVALID", "DB_URL_UNKNOWN"]);

/** A sentence and what to do; the stack only where MILLRACE_LOG_LEVEL is `debug`. */
export function reportError(error: unknown, env: Environment): ExitCode {
  const label = (text: string, color: "red" | "cyan" | "gray"): string => styleText(color, text, { stream: process.stderr });
  const isOurs = error instanceof MillraceError;
  const lines = [`${label("error:", "red")} ${error instanceof Error ? error.message : String(error)}`];
  if (isOurs) lines.push(`${label("hint:", "cyan")} ${error.hint}`, `${label("code:", "gray")} ${error.code}`);
  else lines.push(`${label("hint:", "cyan")} this is a fault of Millrace; MILLRACE_LOG_LEVEL=debug shows where`);
  if (env["MILLRACE_LOG_LEVEL"] === "debug") lines.push(describeStack(error));
  console.error(lines.join("\n"));
  return isOurs && USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.failure;
}

function describeStack(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const cause = error.cause === undefined ? "" : `\ncause: ${describeStack(error.cause)}`;
  return `${error.stack ?? ""}${cause}`;
}
