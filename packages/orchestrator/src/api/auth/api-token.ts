import { createHash, randomBytes } from "node:crypto";
import type { AccountStore } from "../../domain/account-store.ts";

const TOKEN_BYTES = 32;
export const TOKEN_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** A new token of that account, good for a day; only its hash is stored. */
export async function issueToken(accounts: AccountStore, userName: string, now: number): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  await accounts.addToken({ hash: hashToken(token), userName, createdAt: now, expiresAt: now + TOKEN_LIFETIME_MS });
  return token;
}

export function hashToken(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
