import { AesSecretCipher } from "../../config/aes-secret-cipher.ts";
import type { Config, Environment } from "../../config/config.ts";
import { EnvironmentConnections } from "../../config/connections.ts";
import { SecretKey } from "../../config/secret-key.ts";
import { EnvironmentVariables } from "../../config/variables.ts";
import type { AuditLog } from "../../domain/audit-log.ts";
import { ConnectionRegistry } from "../../domain/connection-registry.ts";
import { VariableRegistry } from "../../domain/variable-registry.ts";
import type { SqlRunner } from "../../metadata-db/sql-script.ts";
import { SqlAuditLog } from "../../metadata-db/stores/audit-log.ts";
import { SqlConnectionStore } from "../../metadata-db/stores/connection-store.ts";
import { SqlVariableStore } from "../../metadata-db/stores/variable-store.ts";

export interface AccessOptions {
  readonly runner: SqlRunner;
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
export function makeAccess({ runner, config, environment, onConnectionChange }: AccessOptions): Access {
  const cipher = new AesSecretCipher(new SecretKey(config));
  const connections = new ConnectionRegistry({
    environment: new EnvironmentConnections(environment),
    store: new SqlConnectionStore(runner, cipher),
    onChange: onConnectionChange,
  });
  return {
    connections,
    variables: new VariableRegistry(new EnvironmentVariables(environment), new SqlVariableStore(runner, cipher)),
    audit: new SqlAuditLog(runner),
  };
}
