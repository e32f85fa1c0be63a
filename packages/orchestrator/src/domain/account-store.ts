/** viewer reads, operator also starts runs, admin also manages accounts. */
export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

export interface Account {
  readonly name: string;
  /** scrypt$N$r$p$salt$hash, salt and hash in base64. */
  readonly passwordHash: string;
  readonly role: Role;
}

export interface ApiToken {
  /** SHA-256 of the token. */
  readonly hash: Uint8Array;
  readonly userName: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** Accounts and the hashes of their tokens; no password or token itself is ever stored. */
export interface AccountStore {
  find(name: string): Promise<Account | null>;
  /** Replaces an account of that name, and ends its tokens. */
  save(account: Account, now: number): Promise<void>;
  /** Also drops the tokens that have expired. */
  addToken(token: ApiToken): Promise<void>;
  /** Whose token it is; null where it is unknown or expired at `now`. */
  findByToken(hash: Uint8Array, now: number): Promise<Account | null>;
}
