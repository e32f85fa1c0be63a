import { readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { MillraceError } from "../domain/errors.ts";

/**
 * The bytes that an argument stands for: its own text, `@FILE`, or `-` for standard input.
 * @throws {MillraceError} USAGE
 */
export async function readArgument(option: string, argument: string): Promise<Buffer> {
  if (argument === "-") return buffer(process.stdin);
  if (!argument.startsWith("@")) return Buffer.from(argument);
  try {
    return readFileSync(argument.slice(1));
  } catch (cause) {
    throw new MillraceError("USAGE", `${option}: cannot read '${argument.slice(1)}': ${(cause as Error).message}`, {
      cause,
      hint: "give the path of a file after @",
    });
  }
}
