import { chownSync, existsSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { ChildServer, findFreePorts } from "./child-server.ts";
import { hasCommand, installDebianPackagesOnCi } from "./debian-packages.ts";
import { AS_POSTGRES, postgresUser, type PostgresServer } from "./postgres-server.ts";

const DEBIAN_FILE = "/usr/sbin/pgbouncer";

/** Why no pgbouncer can be started here, and what to do; null where one can. */
export function whyNoPgbouncer(): string | null {
  if (existsSync(DEBIAN_FILE) || hasCommand("pgbouncer")) return null;
  return "pgbouncer is not installed: `apt-get install pgbouncer`, or put it on the PATH";
}

/** In transaction mode, with one connection to the server for all of its clients. */
export class PgbouncerServer {
  readonly #port: number;
  readonly #server: ChildServer;

  constructor(port: number, server: ChildServer) {
    this.#port = port;
    this.#server = server;
  }

  url(database: string): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/${database}`;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

export async function startPgbouncer(postgres: PostgresServer): Promise<PgbouncerServer> {
  if (whyNoPgbouncer() !== null) installDebianPackagesOnCi("pgbouncer");
  const reason = whyNoPgbouncer();
  if (reason !== null) throw new Error(reason);
  const port = (await findFreePorts(1))[0]!;
  const user = process.getuid?.() === 0 ? postgresUser() : null;
  const server = new ChildServer({ name: "pgbouncer" }, (dir) => {
    const command = [existsSync(DEBIAN_FILE) ? DEBIAN_FILE : "pgbouncer", join(dir, "pgbouncer.ini")];
    const [file, ...args] = user === null ? command : ["setpriv", ...AS_POSTGRES, ...command];
    return { file: file!, args, isReady: async () => isListening(port) };
  });
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "any",
    pool_mode: "transaction",
    default_pool_size: 1,
    max_client_conn: 100,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const ini = ["[databases]", `* = host=127.0.0.1 port=${postgres.port} user=postgres`, "[pgbouncer]", ...lines, ""];
  writeFileSync(join(server.dir, "pgbouncer.ini"), ini.join("\n"));
  if (user !== null) chownSync(server.dir, user.uid, user.gid);
  await server.start();
  return new PgbouncerServer(port, server);
}

async function isListening(port: number): Promise<boolean> {
  const socket = createConnection({ host: "127.0.0.1", port });
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).then((isOpen) => (socket.destroy(), isOpen as boolean));
}
