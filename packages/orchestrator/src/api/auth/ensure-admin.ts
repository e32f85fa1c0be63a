import { randomBytes } from "node:crypto";
import type { AccountStore } from "../../domain/account-store.ts";
import { hashPassword, verifyPassword } from "./password.ts";

export const ADMIN_NAME = "admin";
const PASSWORD_BYTES = 18;

/**
 * Sees to it that there is an admin. A password given overwrites the stored one; with none given and none stored
 * one is made up and returned, to be shown this once. null: there is nothing to show.
 */
export async function ensureAdmin(accounts: AccountStore, password: string | null, now: number): Promise<string | null> {
  const stored = await accounts.find(ADMIN_NAME);
  if (password === null && stored !== null) return null;
  // The same password again changes nothing, so tokens survive a restart.
  if (password !== null && stored !== null && stored.role === "admin" && (await verifyPassword(password, stored.passwordHash))) return null;
  const chosen = password ?? randomBytes(PASSWORD_BYTES).toString("base64url");
  await accounts.save({ name: ADMIN_NAME, passwordHash: await hashPassword(chosen), role: "admin" }, now);
  return password === null ? chosen : null;
}
