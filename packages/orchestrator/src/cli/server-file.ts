import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MillraceError } from "../domain/errors.ts";

/** Where the server of a MILLRACE_HOME is, for commands run by the same user. */
export interface ServerFile {
  /** `http://127.0.0.1:8080` */
  readonly address: string;
  readonly token: string;
  readonly pid: number;
}

const OWNER_ONLY = 0o600;

function pathIn(home: string): string {
  return join(home, "server.json");
}

/** Replaces the file at once, so that no reader sees half of it, and only its owner may read it. */
export function writeServerFile(home: string, server: ServerFile): void {
  mkdirSync(home, { recursive: true });
  const path = pathIn(home);
  const draft = `${path}.${process.pid}`;
  rmSync(draft, { force: true });
  writeFileSync(draft, `${JSON.stringify(server, null, 2)}\n`, { mode: OWNER_ONLY, flag: "wx" });
  renameSync(draft, path);
}

/** Harmless where there is none, or where it is another server's. */
export function removeServerFile(home: string): void {
  if (findServerFile(home)?.pid === process.pid) rmSync(pathIn(home), { force: true });
}

/**
 * null: no server has written one, or it ended as it should.
 * @throws {MillraceError} SERVER_NOT_RUNNING where the file is there and cannot be read
 */
export function findServerFile(home: string): ServerFile | null {
  try {
    return JSON.parse(readFileSync(pathIn(home), "utf8")) as ServerFile;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new MillraceError("SERVER_NOT_RUNNING", `cannot read '${pathIn(home)}': ${(cause as Error).message}`, { cause });
  }
}
