import { resolve } from "node:path";
import { MillraceError } from "../domain/errors.ts";

/**
 * The absolute file that `sqlite:FILE` names; a relative one lies in the working directory.
 * @throws {MillraceError} DB_URL_UNKNOWN
 */
export function parseDatabaseUrl(url: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === "postgres" || scheme === "postgresql") {
    throw new MillraceError("DB_URL_UNKNOWN", "expected sqlite:FILE, got a PostgreSQL address: this version of Millrace has SQLite only", {
      hint: "use sqlite:FILE; PostgreSQL comes with a later version",
    });
  }
  // The address may hold a password: only its scheme is shown.
  const got = scheme === undefined ? "an address without a scheme" : `one that begins with '${scheme}:'`;
  if (scheme !== "sqlite") throw new MillraceError("DB_URL_UNKNOWN", `expected a database address like sqlite:FILE, got ${got}`);
  const file = url.slice("sqlite:".length);
  if (file === "" || file.includes(":memory:")) {
    throw new MillraceError("DB_URL_UNKNOWN", `expected a file after 'sqlite:', got '${file}': a server keeps its events on disk`);
  }
  return resolve(file);
}
