import type { Connection } from "@millrace/sdk/provider";

/** Where connections and variables come from: the environment first, then the metadata DB. */
export interface Connections {
  /** @throws {MillraceError} CONNECTION_NOT_FOUND, CONNECTION_INVALID */
  get(id: string): Promise<Connection>;
}
export interface Variables {
  /** @throws {MillraceError} VARIABLE_NOT_FOUND */
  get(key: string): Promise<string>;
}

/** As Airflow does: a URI's scheme cannot hold `_`, and PostgreSQL has two names. */
export function normalizeConnType(connType: string): string {
  return connType === "postgresql" ? "postgres" : connType.replaceAll("-", "_");
}
