import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { Child, type ChildOptions } from "./child.ts";
import { DemoError } from "./demo-error.ts";

export interface ServerOptions {
  /** DAG files or folders. */
  readonly dags: readonly string[];
  /** A folder for the server's own files. */
  readonly home: string;
  /** Connections and other settings: `MILLRACE_…`. */
  readonly environment: Readonly<Record<string, string>>;
  readonly onEarlyExit: ChildOptions["onEarlyExit"];
  /** Gives a start up; later it changes nothing. */
  readonly signal?: AbortSignal;
  /** false: ready as soon as runs can start, even where a broker does not answer. */
  readonly needsWatchers?: boolean;
}

const MILLRACE = fileURLToPath(new URL("../../packages/orchestrator/bin/millrace.js", import.meta.url));
const POLL_MS = 50;
const READY_WITHIN_MS = 60_000;
/** A watcher that has not streamed by then says why. */
const STREAMING_WITHIN_MS = 45_000;

interface Watcher {
  readonly name: string;
  readonly asset_name: string;
  readonly group: string;
  readonly health: { readonly state: string; readonly last_error: string | null } | null;
}

/** `millrace standalone` as a process, used as anybody would: by its command line and REST. */
export class MillraceServer implements AsyncDisposable {
  /** `http://127.0.0.1:41234` */
  readonly address: string;
  readonly token: string;
  readonly #child: Child;

  private constructor(address: string, token: string, child: Child) {
    this.address = address;
    this.token = token;
    this.#child = child;
  }

  /** Resolves when every file is loaded, runs can start and every watcher streams. @throws {DemoError} */
  static async start(options: ServerOptions): Promise<MillraceServer> {
    const password = randomBytes(16).toString("base64url");
    const child = new Child({
      name: "millrace standalone",
      args: [MILLRACE, "standalone", ...options.dags.flatMap((path) => ["--dags-folder", path]), "--port", "0"],
      env: {
        ...withoutOwnSettings(process.env),
        MILLRACE_LOG_LEVEL: "warn",
        MILLRACE_HOME: options.home,
        MILLRACE_ADMIN_PASSWORD: password,
        ...options.environment,
      },
      onEarlyExit: options.onEarlyExit,
    });
    const giveUp = (): void => void child.stop();
    options.signal?.addEventListener("abort", giveUp, { once: true });
    try {
      const address = (await child.waitForLine(/http:\/\/127\.0\.0\.1:\d+/))[0];
      const server = new MillraceServer(address, await logIn(address, password), child);
      await server.#waitUntilHealthy();
      if (options.needsWatchers !== false) await server.#waitForWatchers();
      return server;
    } catch (error) {
      await child.stop();
      throw error;
    } finally {
      options.signal?.removeEventListener("abort", giveUp);
    }
  }

  /** @throws {DemoError} for any answer but 200 */
  async get<Answer>(path: string): Promise<Answer> {
    const response = await fetch(`${this.address}/api/v2${path}`, { headers: { authorization: `Bearer ${this.token}` } });
    if (response.ok) return (await response.json()) as Answer;
    throw new DemoError(`GET ${path} answered ${response.status}: ${await response.text()}`, "please report this as a bug");
  }

  async watchers(): Promise<readonly Watcher[]> {
    return (await this.get<{ watchers: readonly Watcher[] }>("/watchers")).watchers;
  }

  /** Drains. Harmless when it has ended. */
  async stop(): Promise<void> {
    await this.#child.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #waitUntilHealthy(): Promise<void> {
    const isHealthy = async (): Promise<boolean> => (await fetch(`${this.address}/api/v2/monitor/health`)).ok;
    if (!(await becomesTrue(isHealthy, READY_WITHIN_MS))) {
      throw new DemoError(`${this.address} was not healthy within ${READY_WITHIN_MS / 1000} s`, "look at the server's log");
    }
    await this.#refuseImportErrors();
  }

  async #waitForWatchers(): Promise<void> {
    let open: readonly Watcher[] = [];
    const isStreaming = async (): Promise<boolean> => {
      open = (await this.watchers()).filter(({ health }) => health?.state !== "streaming");
      return open.length === 0;
    };
    if (await becomesTrue(isStreaming, STREAMING_WITHIN_MS)) return;
    const reasons = open.map(({ asset_name, name, health }) => `${asset_name}.${name}: ${health?.last_error ?? "it is not open yet"}`);
    throw new DemoError(`not every watcher streams: ${reasons.join("; ")}`, "correct the connection, or the queue's name");
  }

  async #refuseImportErrors(): Promise<void> {
    type ImportError = { readonly filename: string; readonly stack_trace: string; readonly code: string };
    let error: ImportError | undefined;
    // A busy machine may take longer for a file than the server waits for it.
    const isSettled = async (): Promise<boolean> => {
      [error] = (await this.get<{ import_errors: readonly ImportError[] }>("/importErrors")).import_errors;
      return error?.code !== "IMPORT_RUNNING";
    };
    await becomesTrue(isSettled, READY_WITHIN_MS);
    if (error !== undefined) throw new DemoError(`${error.filename} does not load: ${error.stack_trace}`, "correct the file");
  }
}

/** The user's own server is another one. */
function withoutOwnSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(MILLRACE|AIRFLOW)_/.test(name)));
}

async function logIn(address: string, password: string): Promise<string> {
  const response = await fetch(`${address}/auth/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "admin", password }),
  });
  if (response.status !== 201) throw new DemoError(`POST /auth/token answered ${response.status}`, "please report this as a bug");
  return ((await response.json()) as { access_token: string }).access_token;
}

async function becomesTrue(isTrue: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}
