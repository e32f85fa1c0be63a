import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MillraceError } from "../domain/errors.ts";

const OWNER_ONLY = 0o600;
const MIN_LENGTH = 16;

/** The text without spaces around it, or undefined where anyone could guess it. */
export function parseWorkerToken(text: string): string | undefined {
  const token = text.trim();
  return token.length >= MIN_LENGTH ? token : undefined;
}

/** What a worker and its schedulers both know. */
export interface WorkerToken {
  readonly token: string;
  /** Where it comes from, for people. */
  readonly place: string;
}

/** The token that is configured, else that of the home folder; null where there is none. @throws {MillraceError} CONFIG_INVALID */
export function findWorkerToken(home: string, configured: string | null): WorkerToken | null {
  if (configured !== null) return { token: configured, place: "MILLRACE_WORKER_TOKEN" };
  const file = fileIn(home);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new MillraceError("CONFIG_INVALID", `expected to read the workers' token in '${file}', got ${(cause as Error).message}`, {
      cause,
    });
  }
  const token = parseWorkerToken(text);
  if (token === undefined)
    throw new MillraceError("CONFIG_INVALID", `expected '${file}' to hold a token of ${MIN_LENGTH} characters or more`);
  return { token, place: file };
}

/** Makes one in the home folder where there is none. @throws {MillraceError} CONFIG_INVALID */
export function findOrMakeWorkerToken(home: string, configured: string | null): WorkerToken {
  const found = findWorkerToken(home, configured);
  if (found !== null) return found;
  const file = fileIn(home);
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(home, { recursive: true });
    const descriptor = openSync(draft, "w", OWNER_ONLY);
    writeSync(descriptor, `${randomBytes(32).toString("base64url")}\n`);
    fsyncSync(descriptor);
    closeSync(descriptor);
    // One that another process made meanwhile stays.
    linkSync(draft, file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST")
      throw new MillraceError("CONFIG_INVALID", `cannot store a token for workers in '${file}': ${(cause as Error).message}`, { cause });
  } finally {
    rmSync(draft, { force: true });
  }
  return findWorkerToken(home, null)!;
}

function fileIn(home: string): string {
  return join(home, "worker.token");
}
