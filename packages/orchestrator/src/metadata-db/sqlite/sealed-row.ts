import type { Database } from "better-sqlite3";
import { MillraceError } from "../../domain/errors.ts";
import type { SecretCipher } from "../../domain/secret-cipher.ts";

/** The text of a row, or why it cannot be read: one bad row must not hide the others. */
export function openSealed(cipher: SecretCipher, subject: string, secret: Uint8Array): string | MillraceError {
  try {
    return cipher.open(subject, secret);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
}

/** Seals with a new key only where no row needs an old one. */
export function sealRow(db: Database, cipher: SecretCipher, subject: string, text: string): Uint8Array {
  const isAny = db.prepare("SELECT EXISTS (SELECT 1 FROM connection) OR EXISTS (SELECT 1 FROM variable)").pluck().get();
  return cipher.seal(subject, text, { mayMakeKey: isAny === 0 });
}
