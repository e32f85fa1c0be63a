import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../domain/clock.ts";

/** The first that is there counts. */
const NAMES = ["package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"];
/** So long, a file that was looked at is taken for unchanged. */
const LOOK_AGAIN_MS = 2_000;

interface Seen {
  readonly hash: string | null;
  readonly stamp: string;
  readonly at: number;
}

/** Which packages a project has: the SHA-256 of its lockfile, the nearest one at or above a folder. */
export class Lockfiles {
  readonly #clock: Clock;
  /** By folder. */
  readonly #seen = new Map<string, Seen>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of the project that a file lies in; null where it has no lockfile. */
  ofFile(file: string): string | null {
    return this.ofFolder(dirname(file));
  }

  ofFolder(folder: string): string | null {
    const now = this.#clock.monotonic();
    const seen = this.#seen.get(folder);
    if (seen !== undefined && now - seen.at < LOOK_AGAIN_MS) return seen.hash;
    const found = findLockfile(folder);
    const stamp = found === null ? "" : `${found.path}:${found.mtimeMs}:${found.size}`;
    const hash = seen?.stamp === stamp ? seen.hash : found === null ? null : hashOf(found.path);
    this.#seen.set(folder, { hash, stamp, at: now });
    return hash;
  }
}

function findLockfile(folder: string): { readonly path: string; readonly mtimeMs: number; readonly size: number } | null {
  for (let at = folder; ; at = dirname(at)) {
    for (const name of NAMES) {
      const path = join(at, name);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats?.isFile() === true) return { path, mtimeMs: stats.mtimeMs, size: stats.size };
    }
    if (dirname(at) === at) return null;
  }
}

function hashOf(path: string): string | null {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch {
    // Replaced at this moment: the next look finds the new one.
    return null;
  }
}
