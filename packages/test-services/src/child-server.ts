import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Rejects or returns false until the server answers in its own protocol. */
  readonly isReady: () => Promise<boolean>;
}

export interface ChildServerOptions {
  readonly name: string;
  /** Holds data and the server's output. A given one is kept, one made here is removed by `stop`. */
  readonly dir?: string | undefined;
  readonly readyWithinMs?: number;
}

const running = new Set<ChildProcess>();
const temporary = new Set<string>();
const SETPRIV = "/usr/bin/setpriv";

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  for (const dir of temporary) rmSync(dir, { recursive: true, force: true });
});

/**
 * A server process that ends with this one, however this one ends. Neither it nor its output keeps this
 * process alive. Started again after `stop` or `kill`, it has the same command and folder.
 */
export class ChildServer {
  readonly dir: string;
  readonly #options: ChildServerOptions;
  readonly #command: ServerCommand;
  #child: ChildProcess | null = null;

  constructor(options: ChildServerOptions, command: (dir: string) => ServerCommand) {
    this.#options = options;
    this.dir = options.dir ?? mkdtempSync(join(tmpdir(), `millrace-${options.name}-`));
    if (options.dir === undefined) temporary.add(this.dir);
    this.#command = command(this.dir);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the server answers. @throws {Error} with the server's last lines where it ended or did not answer in time. */
  async start(): Promise<void> {
    if (this.#child !== null) return;
    const child = this.#spawn();
    this.#child = child;
    try {
      await this.#waitUntilReady(child);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Ends the server as its operator would, and removes a temporary folder. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    if (temporary.delete(this.dir)) rmSync(this.dir, { recursive: true, force: true });
  }

  /** `kill -9`; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  #spawn(): ChildProcess {
    const { file, args, env } = this.#command;
    const output = openSync(join(this.dir, "output.log"), "a");
    const hasSetpriv = existsSync(SETPRIV);
    const [command, commandArgs] = hasSetpriv ? [SETPRIV, ["--pdeathsig", "KILL", file, ...args]] : [file, [...args]];
    const child = spawn(command, commandArgs, {
      cwd: this.dir,
      env: { ...process.env, ...env },
      stdio: ["ignore", output, output],
      // In a group of its own Ctrl-C does not reach it: it outlives what drains into it.
      detached: hasSetpriv,
    });
    closeSync(output);
    child.unref();
    running.add(child);
    child.once("exit", () => running.delete(child));
    return child;
  }

  async #waitUntilReady(child: ChildProcess): Promise<void> {
    let failure: unknown = null;
    child.once("error", (error) => (failure = error));
    const deadline = performance.now() + (this.#options.readyWithinMs ?? 60_000);
    for (;;) {
      if (failure !== null || child.exitCode !== null || child.signalCode !== null) throw this.#startError("ended", failure);
      if (await this.#command.isReady().catch(() => false)) return;
      if (performance.now() > deadline) throw this.#startError("did not answer in time", null);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #startError(what: string, cause: unknown): Error {
    const output = readFileSync(join(this.dir, "output.log"), "utf8").trimEnd().split("\n").slice(-20).join("\n");
    return new Error(`${this.#options.name} was started as ${this.#command.file} but ${what}; its last lines:\n${output}`, { cause });
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.ref();
    child.kill(signal);
    const lastResort = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(lastResort);
  }
}

/** TCP ports of 127.0.0.1 that nothing listened on a moment ago, all different. */
export async function findFreePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen()));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("expected a TCP address");
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listen(): Promise<ReturnType<typeof createServer>> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}
