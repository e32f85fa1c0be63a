import { execFile } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { MillraceError } from "../../domain/errors.ts";

/** Where Debian puts each version's programs. */
const DEBIAN_FOLDERS = "/usr/lib/postgresql/*/bin";
const MAX_OUTPUT_BYTES = 64 * 2 ** 20;

/** What libpq reads from its environment, for parameters of the address. */
const PARAMETERS: Readonly<Record<string, string>> = {
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
};

/** PostgreSQL's own programs, on one database. */
export class PostgresPrograms {
  readonly #url: string;
  readonly #path: string;

  /** `path` is PATH. */
  constructor(url: string, path: string) {
    this.#url = url;
    this.#path = path;
  }

  /**
   * Gives what it prints. The address goes by its environment: its arguments are seen by everybody on the machine.
   * @throws {MillraceError} DB_UNREADABLE where the program is missing or fails
   */
  async run(program: "pg_dump" | "pg_restore", args: readonly string[]): Promise<string> {
    const file = this.#find(program);
    const env = { PATH: this.#path, ...environmentOf(this.#url) };
    try {
      return (await promisify(execFile)(file, args, { env, maxBuffer: MAX_OUTPUT_BYTES })).stdout;
    } catch (cause) {
      const { stderr = "", message } = cause as Error & { stderr?: string };
      const said = stderr.trim() === "" ? message : stderr.trim();
      throw new MillraceError("DB_UNREADABLE", `${program} failed: ${said}`, {
        hint: "its version must not be older than the server's; see what it says",
      });
    }
  }

  #find(program: string): string {
    const folders = [...this.#path.split(delimiter), ...globSync(DEBIAN_FOLDERS).toSorted(byVersion)];
    const folder = folders.find((one) => one !== "" && existsSync(join(one, program)));
    if (folder !== undefined) return join(folder, program);
    throw new MillraceError("DB_UNREADABLE", `expected ${program} on the PATH or in ${DEBIAN_FOLDERS}, found it nowhere`, {
      hint: "install PostgreSQL's client programs (Debian: `apt-get install postgresql-client`), or back up with your own tools",
    });
  }
}

/** The newest first: it reads every older server. */
function byVersion(a: string, b: string): number {
  return b.localeCompare(a, "en", { numeric: true });
}

function environmentOf(url: string): Record<string, string> {
  const { host, port, user, password, database } = new Client({ connectionString: url });
  const known = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database };
  const parameters = URL.parse(url.replace("@/", "@localhost/"))?.searchParams ?? new URLSearchParams();
  const others = Object.entries(PARAMETERS).map(([name, variable]) => [variable, parameters.get(name)] as const);
  const set = [...Object.entries(known), ...others].filter((entry): entry is [string, string] => Boolean(entry[1]));
  return { ...Object.fromEntries(set), PGAPPNAME: "millrace db" };
}
