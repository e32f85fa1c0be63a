import { readHome, type Environment } from "./config.ts";

/** Where a command looks for the server. */
export interface ClientConfig {
  /** Absolute folder that may hold `server.json`. */
  readonly home: string;
  /** null: the server of `home`. */
  readonly server: string | null;
  readonly token: string | null;
}

export interface ClientFlags {
  readonly server?: string | undefined;
  readonly token?: string | undefined;
}

export const CLIENT_VARIABLES = { server: "MILLRACE_SERVER", token: "MILLRACE_TOKEN" } as const;

/** A token given as a flag can be seen in the list of processes; the variable cannot. */
export function readClientConfig(env: Environment, flags: ClientFlags): ClientConfig {
  const server = flags.server ?? env[CLIENT_VARIABLES.server];
  return {
    home: readHome(env),
    server: server === undefined || server === "" ? null : server.replace(/\/+$/, ""),
    token: flags.token ?? (env[CLIENT_VARIABLES.token] || null),
  };
}
