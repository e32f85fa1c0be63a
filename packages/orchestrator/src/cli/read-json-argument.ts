import { MillraceError } from "../domain/errors.ts";
import { readArgument } from "./read-argument.ts";

/**
 * The value of `JSON`, `@FILE` or `-` (standard input); undefined where the option was not given.
 * @throws {MillraceError} USAGE
 */
export async function readJsonArgument(option: string, argument: string | undefined): Promise<unknown> {
  if (argument === undefined) return undefined;
  const source = (await readArgument(option, argument)).toString("utf8");
  try {
    return JSON.parse(source);
  } catch (cause) {
    const got = argument === source ? "" : ` in '${argument}'`;
    const quoting = argument === source ? "quote it for the shell: '{\"celsius\": 90}'" : "check what it holds";
    throw new MillraceError("USAGE", `${option}: expected JSON${got}: ${(cause as Error).message}`, {
      cause,
      hint: `${quoting}; @FILE and - are taken too`,
    });
  }
}

/** The same, for an option that must be an object. @throws {MillraceError} USAGE */
export async function readObjectArgument(option: string, argument: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  const value = (await readJsonArgument(option, argument)) ?? {};
  if (typeof value === "object" && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw new MillraceError("USAGE", `${option}: expected a JSON object, got '${argument}'`);
}
