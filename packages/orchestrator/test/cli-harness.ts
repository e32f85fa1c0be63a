import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { writeServerFile } from "../src/cli/server-file.ts";
import type { Role } from "../src/domain/account-store.ts";
import { type ApiHarness, startApi } from "./api-harness.ts";

const BIN = fileURLToPath(new URL("../bin/millrace.js", import.meta.url));

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export function makeHome(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), "millrace-home-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

/** Runs the command as a user does, in a process of its own. */
export async function run(home: string, args: readonly string[], env: Record<string, string> = {}, input = ""): Promise<Result> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env["PATH"], MILLRACE_HOME: home, ...env } };
    const child = execFile(process.execPath, [BIN, ...args], options, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
    child.stdin?.end(input);
  });
}

interface Server extends ApiHarness {
  readonly home: string;
  readonly millrace: (...args: readonly string[]) => Promise<Result>;
}

/** A server whose commands have that role. */
export async function startServer(
  t: TestContext,
  { role = "operator", environment = {} }: { role?: Role; environment?: Readonly<Record<string, string>> } = {},
): Promise<Server> {
  const api = await startApi(t, environment);
  const home = makeHome(t);
  writeServerFile(home, { address: api.address, token: await api.tokenOf(role), pid: process.pid });
  return { ...api, home, millrace: (...args) => run(home, args) };
}
