import { statSync } from "node:fs";
import { join } from "node:path";
import { MillraceError } from "../domain/errors.ts";

/**
 * Puts what the `.env` of a folder says into this process's environment; what is set there already, even to nothing, stays.
 * @throws {MillraceError} CONFIG_INVALID where the file is there and cannot be read
 */
export function loadEnvFile(folder: string): void {
  const file = join(folder, ".env");
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return;
  try {
    process.loadEnvFile(file);
  } catch (cause) {
    const message = `expected to read the settings in '${file}', got ${(cause as Error).message}`;
    throw new MillraceError("CONFIG_INVALID", message, { cause, hint: "let this user read it, or remove it" });
  }
}
