import type { Account, AccountStore, ApiToken, Role } from "../../domain/account-store.ts";
import { execute, first, type SqlRunner } from "../sql-script.ts";

interface AccountRow {
  readonly name: string;
  readonly password_hash: string;
  readonly role: Role;
}

const FIND = "SELECT name, password_hash, role FROM user_account WHERE name = ?";
const FIND_BY_TOKEN = `SELECT a.name, a.password_hash, a.role FROM api_token t JOIN user_account a ON a.name = t.user_name
  WHERE t.hash = ? AND t.expires_at > ?`;
const SAVE = `INSERT INTO user_account (name, password_hash, role, created_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, role = excluded.role`;
const ADD_TOKEN = "INSERT INTO api_token (hash, user_name, created_at, expires_at) VALUES (?, ?, ?, ?)";

export class SqlAccountStore implements AccountStore {
  readonly #runner: SqlRunner;

  constructor(runner: SqlRunner) {
    this.#runner = runner;
  }

  async find(name: string): Promise<Account | null> {
    return toAccount(await this.#runner.run(() => first<AccountRow>(FIND, name)));
  }

  async save({ name, passwordHash, role }: Account, now: number): Promise<void> {
    await this.#runner.transaction(function* () {
      yield* execute(SAVE, name, passwordHash, role, now);
      yield* execute("DELETE FROM api_token WHERE user_name = ?", name);
    });
  }

  async addToken({ hash, userName, createdAt, expiresAt }: ApiToken): Promise<void> {
    await this.#runner.transaction(function* () {
      yield* execute("DELETE FROM api_token WHERE expires_at <= ?", createdAt);
      yield* execute(ADD_TOKEN, hash, userName, createdAt, expiresAt);
    });
  }

  async findByToken(hash: Uint8Array, now: number): Promise<Account | null> {
    return toAccount(await this.#runner.run(() => first<AccountRow>(FIND_BY_TOKEN, hash, now)));
  }
}

function toAccount(row: AccountRow | undefined): Account | null {
  return row === undefined ? null : { name: row.name, passwordHash: row.password_hash, role: row.role };
}
