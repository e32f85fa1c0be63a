import { strict as assert } from "node:assert";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "@millrace/test-services";

export const BIN = fileURLToPath(new URL("../bin/millrace.js", import.meta.url));
const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));

export const ADMIN_PASSWORD = "test-password";

/** A folder of its own with DAG files in `dags` and the server's files in `home`. */
export interface Project {
  readonly folder: string;
  readonly dags: string;
  readonly home: string;
  readonly environment: Record<string, string>;
  write(file: string, text: string): void;
  run(args: readonly string[], environment?: Record<string, string>): Promise<{ code: number; out: string; err: string }>;
  /** Starts `millrace standalone` and waits until runs can start. */
  start(options?: StartOptions): Promise<ServerProcess>;
  /** Starts it without waiting for anything. */
  spawn(options?: StartOptions): ServerProcess;
}

export interface StartOptions {
  readonly args?: readonly string[];
  readonly environment?: Record<string, string>;
  /** In a process group of its own, so that a signal can reach all its processes. */
  readonly isGroup?: boolean;
  /** The node that starts the command. */
  readonly node?: string;
}

export function makeProject(t: TestContext, files: Readonly<Record<string, string>> = {}): Project {
  const folder = mkdtempSync(join(tmpdir(), "millrace-standalone-"));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  symlinkSync(NODE_MODULES, join(folder, "node_modules"));
  const dags = join(folder, "dags");
  const home = join(folder, "home");
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(dags, file)), { recursive: true });
    writeFileSync(join(dags, file), text);
  };
  mkdirSync(dags);
  for (const [file, text] of Object.entries(files)) write(file, text);
  const environment = {
    PATH: process.env["PATH"] ?? "",
    MILLRACE_HOME: home,
    MILLRACE_DAGS_FOLDER: dags,
    AWS_EC2_METADATA_DISABLED: "true",
  };
  const spawnServer: Project["spawn"] = ({ args = ["--port", "0"], node = process.execPath, isGroup = false, ...options } = {}) => {
    const env = { ...environment, MILLRACE_ADMIN_PASSWORD: ADMIN_PASSWORD, ...options.environment };
    const server = new ServerProcess(spawn(node, [BIN, "standalone", ...args], { cwd: folder, env, detached: isGroup }));
    t.after(() => server.kill());
    return server;
  };
  return {
    folder,
    dags,
    home,
    environment,
    write,
    spawn: spawnServer,
    start: async (options) => {
      const server = spawnServer(options);
      await server.ready();
      return server;
    },
    run: async (args, env = {}) =>
      new Promise((resolve) => {
        const options = { cwd: folder, env: { ...environment, ...env } };
        execFile(process.execPath, [BIN, ...args], options, (error, out, err) =>
          resolve({ code: error === null ? 0 : Number(error.code), out, err }),
        );
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly body: any;
}

/** `millrace standalone` as a process, and what it says. */
export class ServerProcess {
  readonly child: ChildProcess;
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  out = "";
  err = "";
  #token: string | null = null;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout!.on("data", (chunk) => (this.out += String(chunk)));
    child.stderr!.on("data", (chunk) => (this.err += String(chunk)));
    // Closed: all that it said has been read.
    this.exited = new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal ?? "")));
  }

  get address(): string {
    return /^Millrace runs at +(\S+)$/m.exec(this.out)?.[1] ?? "";
  }

  async ready(): Promise<void> {
    await eventually(() => {
      assert.equal(this.child.exitCode, null, `the server ended: ${this.err}`);
      assert.match(this.out, /^Next /m);
    });
  }

  async stop(): Promise<number | string> {
    this.child.kill("SIGTERM");
    return this.exited;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.exited;
  }

  /** As admin. */
  async get(path: string): Promise<Answer> {
    return this.#fetch(path, { headers: { authorization: `Bearer ${await this.#login()}` } });
  }

  async post(path: string, body: unknown): Promise<Answer> {
    return this.#send("POST", path, body);
  }

  async patch(path: string, body: unknown): Promise<Answer> {
    return this.#send("PATCH", path, body);
  }

  async delete(path: string): Promise<number> {
    const headers = { authorization: `Bearer ${await this.#login()}` };
    return (await fetch(this.address + path, { method: "DELETE", headers })).status;
  }

  async login(password: string, path = "/auth/token"): Promise<Answer> {
    const body = JSON.stringify({ username: "admin", password });
    return this.#fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body });
  }

  async #send(method: string, path: string, body: unknown): Promise<Answer> {
    const headers = { authorization: `Bearer ${await this.#login()}`, "content-type": "application/json" };
    return this.#fetch(path, { method, headers, body: JSON.stringify(body) });
  }

  async #login(): Promise<string> {
    this.#token ??= String((await this.login(ADMIN_PASSWORD)).body.access_token);
    return this.#token;
  }

  async #fetch(path: string, options: RequestInit): Promise<Answer> {
    const response = await fetch(this.address + path, options);
    return { status: response.status, body: await response.json() };
  }
}

/** A port that nothing listened on a moment ago. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
