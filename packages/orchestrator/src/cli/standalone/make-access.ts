import type { Database } from "better-sqlite3";
import { AesSecretCipher } from "../../config/aes-secret-cipher.ts";
import type { Config, Environment } from "../../config/config.ts";
import { EnvironmentConnections } from "../../config/connections.ts";
import { SecretKey } from "../../config/secret-key.ts";
import { EnvironmentVariables } from "../../config/variables.ts";
import type { AuditLog } from "../../domain/audit-log.ts";
import { ConnectionRegistry } from "../../domain/connection-registry.ts";
import { VariableRegistry } from "../../domain/variable-registry.ts";
import { SqliteAuditLog } from "../../metadata-db/sqlite/audit-log.ts";
import { SqliteConnectionStore } from "../../metadata-db/sqlite/connection-store.ts";
import { SqliteVariableStore } from "../../metadata-db/sqlite/variable-store.ts";

export interface AccessOptions {
  readonly db: Database;
  readonly config: Pick<Config, "home" | "secretKey">;
  readonly environment: Environment;
  /** A stored connection was saved or deleted. */
  readonly onConnectionChange: (id: string) => void;
}

export interface Access {
  readonly connections: ConnectionRegistry;
  readonly variables: VariableRegistry;
  readonly audit: AuditLog;
}

/** Connections and variables: those of the environment, then those of the metadata DB. */
export function makeAccess({ db, config, environment, onConnectionChange }: AccessOptions): Access {
  const cipher = new AesSecretCipher(new SecretKey(config));
  const audit = new SqliteAuditLog(db);
  const connections = new ConnectionRegistry({
    environment: new EnvironmentConnections(environment),
    store: new SqliteConnectionStore(db, cipher, audit),
    onChange: onConnectionChange,
  });
  return {
    connections,
    variables: new VariableRegistry(new EnvironmentVariables(environment), new SqliteVariableStore(db, cipher, audit)),
    audit,
  };
}
