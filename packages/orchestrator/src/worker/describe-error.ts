import { fileURLToPath } from "node:url";
import { outcomeOf } from "@millrace/sdk/internal";
import type { WireError } from "../domain/worker-frames.ts";
import { PermanentError } from "./permanent-error.ts";
import type { SecretMask } from "../domain/secret-mask.ts";

/** Of this server and its SDK, sources or compiled: frames that a source map was applied to have paths. */
const OWN_FOLDERS = [new URL("../../", import.meta.url), new URL("../", import.meta.resolve("@millrace/sdk/internal"))];
const OWN_CODE = [...OWN_FOLDERS.flatMap((url) => [url.href, fileURLToPath(url)]), "/node_modules/@millrace/"];

export interface DescribedError {
  readonly outcome: "failed" | "skipped";
  readonly error: WireError;
}

/** What a task threw, which may be anything: even reading it can throw. */
export function describeError(thrown: unknown, mask: SecretMask): DescribedError {
  try {
    const meant = outcomeOf(thrown);
    const isPermanent = meant === "failed" || thrown instanceof PermanentError;
    return { outcome: meant === "skipped" ? "skipped" : "failed", error: toWire(thrown, mask, isPermanent) };
  } catch {
    const message = `thrown: a value of type ${typeof thrown} that cannot be read`;
    return { outcome: "failed", error: { name: "Error", message, stack: "", isPermanent: false } };
  }
}

function toWire(thrown: unknown, mask: SecretMask, isPermanent: boolean): WireError {
  if (!(thrown instanceof Error)) return { name: "Error", message: mask.apply(`thrown: ${String(thrown)}`), stack: "", isPermanent };
  const cause = thrown.cause instanceof Error ? `\n  caused by ${authorStack(thrown.cause)}` : "";
  return {
    name: toText(thrown.name),
    message: mask.apply(toText(thrown.message)),
    stack: mask.apply(`${authorStack(thrown)}${cause}`),
    isPermanent,
  };
}

/** A user's error may say of itself what it likes. */
function toText(value: unknown): string {
  return String(value);
}

/** The stack without the frames of Millrace and of Node: what is left is the author's own. */
function authorStack(error: Error): string {
  const lines = toText(error.stack ?? error.message).split("\n");
  return lines.filter((line) => !/^\s+at /.test(line) || !isForeign(line)).join("\n");
}

function isForeign(line: string): boolean {
  return line.includes("node:internal") || OWN_CODE.some((place) => line.includes(place));
}
