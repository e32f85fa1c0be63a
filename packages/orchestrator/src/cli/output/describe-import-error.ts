import type { ImportError } from "../../domain/dag-folder.ts";
import { bold } from "./print.ts";

/** `alert.ts:3:7  SYNTAX_ERROR`, and under it what is wrong and what to do. */
export function describeImportError({ file, line, column, code, message, hint }: Omit<ImportError, "stack">): string {
  const place = [file, line, line === null ? null : column].filter((part) => part !== null).join(":");
  return `${bold(place)}  ${code}\n  ${message.replaceAll("\n", "\n  ")}\n  hint: ${hint}`;
}
