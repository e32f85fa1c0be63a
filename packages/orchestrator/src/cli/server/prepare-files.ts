import { accessSync, chmodSync, closeSync, constants, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Role } from "../../domain/cluster.ts";
import { MillraceError } from "../../domain/errors.ts";

const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;

/**
 * Checks what a start needs before it changes anything: the DAG files, a home that can be written to.
 * @throws {MillraceError} DAGS_FOLDER_MISSING, CONFIG_INVALID
 */
export function prepareFiles({ home, dagsFolders, database }: Config, roles: readonly Role[]): void {
  if (roles.includes("scheduler")) for (const folder of dagsFolders) assertReadable(folder);
  makeHome(home);
  if (database.kind === "sqlite") reserveDatabaseFile(database.file);
}

/** @throws {MillraceError} DAGS_FOLDER_MISSING */
function assertReadable(folder: string): void {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) throw new MillraceError("DAGS_FOLDER_MISSING", `expected a folder of DAG files at '${folder}', found nothing`);
}

/** A folder that is there keeps its mode: it may hold more than the server's files. @throws {MillraceError} CONFIG_INVALID */
function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: OWNER_ONLY_FOLDER });
    accessSync(home, constants.W_OK);
  } catch (cause) {
    const message = `--home (MILLRACE_HOME): expected a folder to write to, got '${home}': ${(cause as Error).message}`;
    throw new MillraceError("CONFIG_INVALID", message, { cause, hint: "name a folder that this user may write to" });
  }
}

/** SQLite gives its other files the mode of this one. What goes wrong here is told when the database is opened. */
function reserveDatabaseFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: OWNER_ONLY_FOLDER });
    if (!existsSync(file)) closeSync(openSync(file, "a", OWNER_ONLY_FILE));
  } catch {
    // The same again, with its reason, from the lock or the database.
  }
}

/** Payloads and password hashes are in it. For a database, not for whatever else the path may name. */
export function protectDatabaseFile(file: string): void {
  for (const path of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(path)) chmodSync(path, OWNER_ONLY_FILE);
}
