import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { installDebianPackagesOnCi } from "./debian-packages.ts";
import { ChildServer, findFreePorts } from "./child-server.ts";

/** Why no PostgreSQL can be started here, and what to do; null where one can. */
export function whyNoPostgres(): string | null {
  if (findBin() === null) return "PostgreSQL is not installed: `apt-get install postgresql`, or put `initdb` and `postgres` on the PATH";
  if (process.getuid?.() === 0 && postgresUser() === null) return "PostgreSQL does not run as root, and there is no user `postgres`";
  return null;
}

/** The folder of its programs: Debian's newest version, else the PATH. */
function findBin(): string | null {
  const folders = [...globSync("/usr/lib/postgresql/*/bin").toSorted().toReversed(), ...(process.env["PATH"] ?? "").split(":")];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres"))) ?? null;
}

export function postgresUser(): { readonly uid: number; readonly gid: number } | null {
  const [uid, gid] = ["-u", "-g"].map((flag) =>
    Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout.trim() || Number.NaN),
  );
  return Number.isInteger(uid) && Number.isInteger(gid) ? { uid: uid!, gid: gid! } : null;
}

/** An empty PostgreSQL, whose user `postgres` needs no password. */
export class PostgresServer {
  readonly port: number;
  readonly #server: ChildServer;

  constructor(port: number, server: ChildServer) {
    this.port = port;
    this.#server = server;
  }

  /** What MILLRACE_CONN_<ID> holds to reach this server. */
  connection(): { conn_type: "postgres"; host: string; port: number; login: string; schema: string } {
    return { conn_type: "postgres", host: "127.0.0.1", port: this.port, login: "postgres", schema: "postgres" };
  }

  /** An address for MILLRACE_DB_URL. */
  url(database = "postgres"): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Of the process that starts all others. */
  get pid(): number {
    return this.#server.pid!;
  }

  /** `kill -9` of the server; its processes end with it. */
  async kill(): Promise<void> {
    await this.#server.kill();
  }

  /** After a kill: on the same port and data. */
  async start(): Promise<void> {
    await this.#server.start();
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

/** Before a command, where this process is root: PostgreSQL's programs do not run as that. */
export const AS_POSTGRES = ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"];

export interface PostgresServerOptions {
  /** Commits are on disk when they are answered, as a metadata DB needs it; otherwise it is quicker. */
  readonly isDurable?: boolean;
  /** `name=value` */
  readonly settings?: readonly string[];
}

export async function startPostgres({ isDurable = false, settings = [] }: PostgresServerOptions = {}): Promise<PostgresServer> {
  if (whyNoPostgres() !== null) installDebianPackagesOnCi("postgresql");
  const bin = findBin();
  if (bin === null) throw new Error(whyNoPostgres()!);
  const isRoot = process.getuid?.() === 0;
  const [port] = await findFreePorts(1);
  const asUser = (program: string, args: readonly string[]): readonly [string, readonly string[]] =>
    isRoot ? ["setpriv", [...AS_POSTGRES, join(bin, program), ...args]] : [join(bin, program), args];
  const server = new ChildServer({ name: "postgres" }, (dir) => {
    const data = join(dir, "data");
    const all = ["listen_addresses=127.0.0.1", `fsync=${isDurable ? "on" : "off"}`, ...settings].flatMap((setting) => ["-c", setting]);
    const [file, args] = asUser("postgres", ["-D", data, "-p", String(port), "-k", dir, ...all]);
    return {
      file,
      args,
      isReady: async () => spawnSync(join(bin, "pg_isready"), ["-h", "127.0.0.1", "-p", String(port)]).status === 0,
    };
  });
  const user = isRoot ? postgresUser() : null;
  if (user !== null) chownSync(server.dir, user.uid, user.gid);
  const [initdb, args] = asUser("initdb", [
    "-D",
    join(server.dir, "data"),
    "-A",
    "trust",
    "-U",
    "postgres",
    "-N",
    "--locale=C",
    "-E",
    "UTF8",
  ]);
  execFileSync(initdb, args, { cwd: server.dir, stdio: "pipe" });
  await server.start();
  return new PostgresServer(port!, server);
}
