import type { Client } from "pg";
import { systemClock } from "../../domain/clock.ts";
import type { DatabaseCheck } from "../../metadata-db/check-invariants.ts";
import { assertSuitable } from "../../metadata-db/postgres/assert-suitable.ts";
import { checkPostgres } from "../../metadata-db/postgres/check-postgres.ts";
import { migratePostgres, newestPostgresSchema, readSchemaState } from "../../metadata-db/postgres/migrate-postgres.ts";
import { withPostgresClient } from "../../metadata-db/postgres/open-postgres.ts";
import { backupPostgres, restorePostgres } from "../../metadata-db/postgres/postgres-copy.ts";
import { PostgresPrograms } from "../../metadata-db/postgres/postgres-program.ts";
import { describeAddress } from "../../metadata-db/postgres/postgres-settings.ts";
import type { DatabaseAdmin, DatabaseVersion } from "./database-admin.ts";

export class PostgresAdmin implements DatabaseAdmin {
  readonly name: string;
  readonly #url: string;
  readonly #programs: PostgresPrograms;

  constructor(url: string, path: string) {
    this.name = describeAddress(url);
    this.#url = url;
    this.#programs = new PostgresPrograms(url, path);
  }

  async readVersion(): Promise<DatabaseVersion> {
    return this.#connect(async (client) => {
      const { schema } = await readSchemaState(client);
      const { rows } = await client.query<{ bytes: number }>("SELECT pg_database_size(current_database()) AS bytes");
      return { schema, newest: newestPostgresSchema(), bytes: rows[0]!.bytes };
    });
  }

  async check(): Promise<readonly DatabaseCheck[]> {
    return this.#connect(checkPostgres);
  }

  async migrate(): Promise<void> {
    await this.#connect(async (client) => {
      await assertSuitable(client, this.name);
      await migratePostgres(client, this.name);
    });
  }

  async backup(file: string): Promise<void> {
    await this.#connect(async (client) => backupPostgres(client, this.#programs, file));
  }

  async restore(file: string): Promise<string | null> {
    return this.#connect(async (client) => {
      await assertSuitable(client, this.name);
      return restorePostgres(client, this.#programs, file, systemClock.now());
    });
  }

  async #connect<Value>(act: (client: Client) => Promise<Value>): Promise<Value> {
    return withPostgresClient({ url: this.#url, role: "db" }, "command", act);
  }
}
