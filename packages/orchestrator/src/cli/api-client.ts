import type { ClientConfig } from "../config/client-config.ts";
import { type ErrorCode, ERRORS, MillraceError } from "../domain/errors.ts";
import { findServerFile } from "./server-file.ts";

type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** The REST API of one server. */
export class ApiClient {
  readonly #address: string;
  readonly #token: string | null;

  constructor(address: string, token: string | null) {
    this.#address = address;
    this.#token = token;
  }

  /** `path` below /api/v2. @throws {MillraceError} SERVER_NOT_RUNNING, or what the server answered */
  async get<Body>(path: string, query: Query = {}): Promise<Body> {
    return (await this.#send(`${path}${toSearch(query)}`, {})) as Body;
  }

  /** @throws {MillraceError} SERVER_NOT_RUNNING, or what the server answered */
  async post<Body>(path: string, body: unknown): Promise<Body> {
    return (await this.#sendBody("POST", path, body)) as Body;
  }

  /** @throws {MillraceError} SERVER_NOT_RUNNING, or what the server answered */
  async patch<Body>(path: string, body: unknown): Promise<Body> {
    return (await this.#sendBody("PATCH", path, body)) as Body;
  }

  /** @throws {MillraceError} SERVER_NOT_RUNNING, or what the server answered */
  async delete(path: string): Promise<void> {
    await this.#send(path, { method: "DELETE" });
  }

  async #sendBody(method: string, path: string, body: unknown): Promise<unknown> {
    return this.#send(path, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  }

  async #send(path: string, init: { method?: string; body?: string; headers?: Record<string, string> }): Promise<unknown> {
    const authorization: Record<string, string> = this.#token === null ? {} : { authorization: `Bearer ${this.#token}` };
    const response = await this.#fetch(path, { ...init, headers: { accept: "application/json", ...init.headers, ...authorization } });
    const text = await response.text();
    if (response.ok) return text === "" ? null : JSON.parse(text);
    throw toError(response.status, text, this.#address);
  }

  async #fetch(path: string, init: { method?: string; body?: string; headers: Record<string, string> }): Promise<Response> {
    try {
      return await fetch(`${this.#address}/api/v2${path}`, init);
    } catch (cause) {
      throw new MillraceError("SERVER_NOT_RUNNING", `no server answers at ${this.#address}`, { cause });
    }
  }
}

/**
 * The server that --server names, else the one that runs on $MILLRACE_HOME.
 * @throws {MillraceError} SERVER_NOT_RUNNING, USAGE
 */
export function connect(config: ClientConfig): ApiClient {
  const own = config.server === null || config.token === null ? findServerFile(config.home) : null;
  if (config.server !== null) {
    if (!/^https?:\/\//.test(config.server))
      throw new MillraceError("USAGE", `--server: expected an address like http://127.0.0.1:8080, got '${config.server}'`);
    return new ApiClient(config.server, config.token ?? (own?.address === config.server ? own.token : null));
  }
  if (own === null) throw new MillraceError("SERVER_NOT_RUNNING", `no server runs on '${config.home}'`);
  if (!isAlive(own.pid))
    throw new MillraceError(
      "SERVER_NOT_RUNNING",
      `the server of '${config.home}' (process ${own.pid}) is gone without having been stopped`,
    );
  return new ApiClient(own.address, config.token ?? own.token);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

interface Problem {
  readonly detail?: string;
  readonly code?: string;
  readonly hint?: string;
}

function toError(status: number, text: string, address: string): MillraceError {
  const { detail, code, hint } = parseProblem(text);
  if (code !== undefined && code in ERRORS && detail !== undefined)
    return new MillraceError(code as ErrorCode, detail, hint === undefined ? {} : { hint });
  return new MillraceError("INTERNAL", `expected an answer of Millrace from ${address}, got status ${status}: ${text.slice(0, 200)}`);
}

function parseProblem(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return {};
  }
}

function toSearch(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) for (const item of value as readonly string[]) search.append(name, item);
    else if (value !== undefined) search.append(name, String(value));
  }
  return search.size === 0 ? "" : `?${search.toString()}`;
}
