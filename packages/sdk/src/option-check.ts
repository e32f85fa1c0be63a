import { DefinitionError, notYetSupported } from "./definition-error.ts";
import { nearestName } from "./nearest-name.ts";

const NAME = /^[\p{L}\p{N}_.-]{1,250}$/u;
const MAX_ASSET_NAME_LENGTH = 1500;

/** @throws {DefinitionError} BAD_NAME */
export function checkId(what: string, id: unknown): string {
  if (typeof id === "string" && NAME.test(id)) return id;
  throw new DefinitionError("BAD_NAME", `${what}: expected an id of letters, digits, '_', '-' and '.', got ${quote(id)}`);
}

/**
 * An asset name may hold slashes and spaces, as in `warehouse/sales`.
 * @throws {DefinitionError} BAD_NAME
 */
export function checkAssetName(name: unknown): string {
  const isGood = typeof name === "string" && name.length <= MAX_ASSET_NAME_LENGTH && name.trim() === name && name !== "";
  if (isGood && !/\p{Cc}/u.test(name)) return name;
  const hint = `use 1 to ${MAX_ASSET_NAME_LENGTH} characters, without control characters or spaces at the ends`;
  throw new DefinitionError("BAD_NAME", `defineAsset: expected a name, got ${quote(name)}`, hint);
}

/**
 * What the compiler checks for those who run it: no unknown option, and none that does nothing yet.
 * @throws {DefinitionError} BAD_OPTION, NOT_YET_SUPPORTED
 */
export function checkOptions(what: string, options: unknown, known: readonly string[], notYet: readonly string[]): void {
  if (!isRecord(options)) throw new DefinitionError("BAD_OPTION", `${what}: expected an object of options, got ${quote(options)}`);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue;
    if (notYet.includes(name)) notYetSupported(`${what}: option '${name}'`);
    const near = nearestName(name, known);
    const hint = near === undefined ? `the options are ${known.join(", ")}` : `did you mean '${near}'?`;
    throw new DefinitionError("BAD_OPTION", `${what}: there is no option '${name}'`, hint);
  }
}

/** @throws {DefinitionError} BAD_OPTION where a given option fails its test. */
export function checkOption(what: string, isGood: boolean, expected: string, got: unknown): void {
  if (!isGood) throw new DefinitionError("BAD_OPTION", `${what}: expected ${expected}, got ${quote(got)}`, `give ${expected}`);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** A value as an error message shows it: short, on one line. */
export function quote(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "string") return `'${value.slice(0, 100)}'`;
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 100);
  } catch {
    return `a ${typeof value}`;
  }
}
