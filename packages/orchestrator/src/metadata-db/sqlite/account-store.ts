import type { Database, Statement } from "better-sqlite3";
import type { Account, AccountStore, ApiToken, Role } from "../../domain/account-store.ts";

interface AccountRow {
  readonly name: string;
  readonly password_hash: string;
  readonly role: Role;
}

/** On the writer's connection: each act is one small synchronous transaction, so none falls into a commit. */
export class SqliteAccountStore implements AccountStore {
  readonly #db: Database;
  readonly #findAccount: Statement;
  readonly #findToken: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#findAccount = db.prepare("SELECT name, password_hash, role FROM user_account WHERE name = ?");
    this.#findToken = db.prepare(`SELECT a.name, a.password_hash, a.role FROM api_token t JOIN user_account a ON a.name = t.user_name
      WHERE t.hash = ? AND t.expires_at > ?`);
  }

  async find(name: string): Promise<Account | null> {
    return toAccount(this.#findAccount.get(name) as AccountRow | undefined);
  }

  async save({ name, passwordHash, role }: Account, now: number): Promise<void> {
    const upsert = this.#db.prepare(`INSERT INTO user_account VALUES (?, ?, ?, ?)
      ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, role = excluded.role`);
    const endTokens = this.#db.prepare("DELETE FROM api_token WHERE user_name = ?");
    this.#db.transaction(() => {
      upsert.run(name, passwordHash, role, now);
      endTokens.run(name);
    })();
  }

  async addToken({ hash, userName, createdAt, expiresAt }: ApiToken): Promise<void> {
    const dropExpired = this.#db.prepare("DELETE FROM api_token WHERE expires_at <= ?");
    const insert = this.#db.prepare("INSERT INTO api_token VALUES (?, ?, ?, ?)");
    this.#db.transaction(() => {
      dropExpired.run(createdAt);
      insert.run(hash, userName, createdAt, expiresAt);
    })();
  }

  async findByToken(hash: Uint8Array, now: number): Promise<Account | null> {
    return toAccount(this.#findToken.get(hash, now) as AccountRow | undefined);
  }
}

function toAccount(row: AccountRow | undefined): Account | null {
  return row === undefined ? null : { name: row.name, passwordHash: row.password_hash, role: row.role };
}
