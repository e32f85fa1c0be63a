import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../domain/errors.ts";

/** Bundles by the hash of their text, kept on disk; each is fetched once, and checked before anyone imports it. */
export class BundleStore {
  readonly #folder: string;
  readonly #paths = new Map<string, Promise<string>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The path of a bundle whose text has that hash.
   * @throws {MillraceError} BUNDLE_UNAVAILABLE
   */
  async get(hash: string, fetch: () => Promise<Uint8Array>): Promise<string> {
    let path = this.#paths.get(hash);
    if (path === undefined) {
      path = this.#findOrFetch(hash, fetch);
      this.#paths.set(hash, path);
      // The next try that needs it asks again.
      path.catch(() => this.#paths.delete(hash));
    }
    return path;
  }

  async #findOrFetch(hash: string, fetch: () => Promise<Uint8Array>): Promise<string> {
    if (!/^[0-9a-f]{64}$/.test(hash)) throw unavailable(hash, "expected the SHA-256 of a bundle in hex");
    const path = join(this.#folder, `${hash}.mjs`);
    const stored = await readFile(path).catch(() => null);
    if (stored !== null && hashOf(stored) === hash) return path;
    const text = await this.#fetch(hash, fetch);
    try {
      await write(this.#folder, path, text);
    } catch (cause) {
      throw unavailable(hash, `cannot be written to '${path}': ${(cause as Error).message}`, cause);
    }
    return path;
  }

  async #fetch(hash: string, fetch: () => Promise<Uint8Array>): Promise<Uint8Array> {
    let text: Uint8Array;
    try {
      text = await fetch();
    } catch (cause) {
      throw unavailable(hash, (cause as Error).message, cause);
    }
    const got = hashOf(text);
    if (got !== hash) throw unavailable(hash, `the scheduler sent a text with the hash ${got}`);
    return text;
  }
}

/** Whole or not at all. */
async function write(folder: string, path: string, text: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true });
  const draft = `${path}.${randomUUID()}.tmp`;
  await using file = await open(draft, "w", 0o600);
  await file.writeFile(text);
  await rename(draft, path);
}

function hashOf(text: Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

function unavailable(hash: string, reason: string, cause?: unknown): MillraceError {
  return new MillraceError("BUNDLE_UNAVAILABLE", `the bundle ${hash.slice(0, 64)}: ${reason}`, { cause });
}
