import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { MillraceError } from "../domain/errors.ts";
import type { SecretCipher } from "../domain/secret-cipher.ts";
import type { SecretKey } from "./secret-key.ts";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM: nonce, tag, ciphertext. A new nonce for every write; the subject is authenticated with it. */
export class AesSecretCipher implements SecretCipher {
  readonly #key: SecretKey;

  constructor(key: SecretKey) {
    this.#key = key;
  }

  seal(subject: string, text: string, { mayMakeKey }: { readonly mayMakeKey: boolean }): Uint8Array {
    const key = mayMakeKey ? this.#key.findOrMake() : this.#key.find();
    if (key === null) throw this.#missing(`${subject} cannot be stored: what is stored already was encrypted with a key that is not there`);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(subject));
    const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]);
  }

  open(subject: string, sealed: Uint8Array): string {
    const key = this.#key.find();
    if (key === null) throw this.#missing(`${subject} is stored encrypted, and its key is not there`);
    const bytes = Buffer.from(sealed);
    try {
      const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(subject))
        .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
    } catch (cause) {
      throw new MillraceError("SECRET_UNREADABLE", `${subject} was stored with another key than the one in ${this.#key.place}`, { cause });
    }
  }

  #missing(problem: string): MillraceError {
    return new MillraceError("SECRET_UNREADABLE", `${problem}: expected it in MILLRACE_SECRET_KEY or ${this.#key.place}`);
  }
}
