import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { MillraceError } from "../domain/errors.ts";

const KEY_BYTES = 32;
const OWNER_ONLY = 0o600;

/** 32 bytes in base64 (also its URL-safe alphabet), or undefined. */
export function parseSecretKey(text: string): Uint8Array | undefined {
  const trimmed = text.trim();
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return undefined;
  const key = Buffer.from(trimmed, "base64");
  return key.byteLength === KEY_BYTES ? key : undefined;
}

/** The key of stored connections and variables: the one that is configured, else that of `secret.key` in the home folder. */
export class SecretKey {
  readonly #configured: Uint8Array | null;
  readonly #file: string;
  #fromFile: Uint8Array | null = null;

  constructor({ home, secretKey }: { readonly home: string; readonly secretKey: Uint8Array | null }) {
    this.#configured = secretKey;
    this.#file = join(home, "secret.key");
  }

  /** Where the key is looked for, for messages. */
  get place(): string {
    return this.#configured === null ? `'${this.#file}'` : "MILLRACE_SECRET_KEY";
  }

  /** null where there is none. @throws {MillraceError} SECRET_KEY_INVALID */
  find(): Uint8Array | null {
    return this.#configured ?? (this.#fromFile ??= this.#read());
  }

  /** Makes the file where there is no key yet. @throws {MillraceError} SECRET_KEY_INVALID */
  findOrMake(): Uint8Array {
    const key = this.find();
    if (key !== null) return key;
    this.#make();
    return this.find()!;
  }

  #read(): Uint8Array | null {
    let text: string;
    try {
      text = readFileSync(this.#file, "utf8");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw new MillraceError("SECRET_KEY_INVALID", `cannot read the key in '${this.#file}': ${(cause as Error).message}`, { cause });
    }
    const key = parseSecretKey(text);
    if (key !== undefined) return key;
    throw new MillraceError("SECRET_KEY_INVALID", `expected '${this.#file}' to hold 32 bytes in base64, got something else`);
  }

  /** On disk before anything is encrypted with it; a second server's key, made meanwhile, stays. */
  #make(): void {
    const draft = `${this.#file}.${process.pid}`;
    try {
      mkdirSync(join(this.#file, ".."), { recursive: true });
      const descriptor = openSync(draft, "w", OWNER_ONLY);
      writeSync(descriptor, `${randomBytes(KEY_BYTES).toString("base64")}\n`);
      fsyncSync(descriptor);
      closeSync(descriptor);
      linkSync(draft, this.#file);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST")
        throw new MillraceError("SECRET_KEY_INVALID", `cannot make a key in '${this.#file}': ${(cause as Error).message}`, { cause });
    } finally {
      rmSync(draft, { force: true });
    }
  }
}
