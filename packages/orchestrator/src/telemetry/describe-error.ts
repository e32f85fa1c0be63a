import { codedMessage } from "../domain/coded-message.ts";
import type { LogLevel } from "../domain/log.ts";

/** What a line for people says of an error, beside a message that may tell of it already. */
export interface ErrorLine {
  /** Message, `CODE: sentence` and, in parentheses, what to do. */
  readonly text: string;
  /** Empty where it says nothing: the error was foreseen. */
  readonly stack: string;
}

interface Described {
  readonly code?: unknown;
  readonly hint?: unknown;
}

/** `isDebug`: stacks are wanted for every error. */
export function describeError(message: string, error: Error, level: LogLevel, isDebug: boolean): ErrorLine {
  const { hint } = error as Described;
  const told = message.includes(error.message) ? message : `${message}: ${codedMessage(error)}`;
  const stack = isDebug || isFault(error, level) ? stackOf(error) : "";
  return { text: withHint(told, hint), stack };
}

export function withHint(text: string, hint: unknown): string {
  return typeof hint === "string" && hint !== "" && !text.includes(hint) ? `${text} (${hint})` : text;
}

/** Errors with a code were foreseen, and so was what is only a warning; the language's own errors never were. */
function isFault(error: Error, level: LogLevel): boolean {
  if (typeof (error as Described).code === "string") return false;
  return level === "error" || error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncause: ${stackOf(error.cause)}` : "";
  return `${error.stack ?? ""}${cause}`;
}
