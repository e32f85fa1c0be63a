import { type Connection, fail, type Logger } from "@millrace/sdk";
import OpenAI, { APIError } from "openai";

const DEFAULT_MODEL = "gpt-5-mini";
/** Until the answer begins, and for each request anew. */
const REQUEST_TIMEOUT_MS = 60_000;
/** The client waits as long as Retry-After says, else 0.5 s and longer each time; after a 408, 409, 429, 5xx or a broken connection. */
const MAX_RETRIES = 5;
const LOGGED_CHARS = 200;

export interface CompleteOptions {
  readonly prompt: string;
  /** undefined: the connection's, else one of OpenAI's. */
  readonly model?: string | undefined;
  readonly connection: Connection;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface Completion {
  readonly model: string;
  readonly text: string;
  /** `stop` where the model came to its end, `length` where the limit of tokens did. */
  readonly finishReason: string;
}

/** The answer of a server that speaks OpenAI's chat completions, logged in pieces as it comes. */
export async function complete({ prompt, connection, log, signal, ...options }: CompleteOptions): Promise<Completion> {
  const model = options.model ?? (connection.extra["model"] as string | undefined) ?? DEFAULT_MODEL;
  const pieces = new LoggedText(log);
  let finishReason = "";
  try {
    const messages = [{ role: "user" as const, content: prompt }];
    const stream = await openClient(connection).chat.completions.create({ model, messages, stream: true }, { signal });
    for await (const { choices } of stream) {
      pieces.add(choices[0]?.delta.content ?? "");
      finishReason = choices[0]?.finish_reason ?? finishReason;
    }
  } catch (error) {
    if (isPermanent(error)) fail(`the model's server refused the request: ${error.message}`);
    throw error;
  }
  // A stream that breaks off is an error of the network, not an answer.
  if (finishReason === "") throw new Error("the answer ended in the middle: expected a finish_reason, got none");
  return { model, text: pieces.end(), finishReason };
}

/** `host` is the base URL; a bare host is `https://HOST/v1`. `password` is the key. */
function openClient({ host = "api.openai.com", port, password = "none" }: Connection): OpenAI {
  const address = port === undefined ? host : `${host}:${port}`;
  const baseURL = /^https?:\/\//.test(host) ? address : `https://${address}/v1`;
  return new OpenAI({ baseURL, apiKey: password, maxRetries: MAX_RETRIES, timeout: REQUEST_TIMEOUT_MS });
}

/** The same request would be refused again: a wrong key, an unknown model, a prompt that is too long. */
function isPermanent(error: unknown): error is APIError {
  if (!(error instanceof APIError) || typeof error.status !== "number") return false;
  return error.status >= 400 && error.status < 500 && ![408, 409, 429].includes(error.status);
}

/** Text that is logged a few words at a time: a line for each token would be unreadable. */
class LoggedText {
  readonly #log: Logger;
  #text = "";
  #logged = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(piece: string): void {
    this.#text += piece;
    if (piece.includes("\n") || this.#text.length - this.#logged >= LOGGED_CHARS) this.#write();
  }

  end(): string {
    if (this.#text.length > this.#logged) this.#write();
    return this.#text;
  }

  #write(): void {
    this.#log.info(this.#text.slice(this.#logged).trimEnd());
    this.#logged = this.#text.length;
  }
}
