import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

export interface ChatRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: { readonly model: string; readonly stream: boolean; readonly messages: readonly { readonly content: string }[] };
  readonly status: number;
}

/**
 * A server for tests that speaks the wire format of OpenAI's chat completions: errors as JSON, answers as server-sent events. It refuses
 * wrong keys, and its first request, as one too many; and every other one until the time is over that it then asked for.
 */
export class ChatServer {
  readonly requests: ChatRequest[] = [];
  readonly #key: string;
  readonly #server: Server;
  #busyUntil: number | null = null;

  private constructor(key: string) {
    this.#key = key;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(key: string): Promise<ChatServer> {
    const chat = new ChatServer(key);
    await new Promise<void>((resolve) => chat.#server.listen(0, "127.0.0.1", resolve));
    return chat;
  }

  /** Its base URL. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await json(request)) as ChatRequest["body"];
    const { authorization } = request.headers;
    const status = this.#statusOf(authorization, performance.now());
    this.requests.push({ path: `${request.method} ${request.url}`, authorization, body, status });
    if (status === 200) streamAnswer(response, body);
    else refuse(response, status);
  }

  #statusOf(authorization: string | undefined, now: number): number {
    if (authorization !== `Bearer ${this.#key}`) return 401;
    this.#busyUntil ??= now + 1_000 * RETRY_AFTER_SECONDS;
    return now < this.#busyUntil ? 429 : 200;
  }
}

const RETRY_AFTER_SECONDS = 2;

function refuse(response: ServerResponse, status: number): void {
  const error =
    status === 429
      ? { message: "Rate limit reached", type: "requests", param: null, code: "rate_limit_exceeded" }
      : { message: "Incorrect API key provided", type: "invalid_request_error", param: null, code: "invalid_api_key" };
  const wait = status === 429 ? { "retry-after": String(RETRY_AFTER_SECONDS) } : {};
  response.writeHead(status, { "content-type": "application/json", ...wait }).end(JSON.stringify({ error }));
}

/** Words of several bytes, and events that come in pieces: what a hand-made reader gets wrong. */
function streamAnswer(response: ServerResponse, { model, messages }: ChatRequest["body"]): void {
  const words = ["Zürich", " is", " 9 °C", " – rain,\n", `asked: ${messages[0]!.content}`];
  const chunk = (delta: object, finish: string | null): object => ({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model,
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  const chunks = [chunk({ role: "assistant", content: "" }, null), ...words.map((content) => chunk({ content }, null)), chunk({}, "stop")];
  const bytes = Buffer.from([...chunks.map((data) => `data: ${JSON.stringify(data)}\n\n`), "data: [DONE]\n\n"].join(""));
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  void writePieces(response, bytes);
}

const PIECE_BYTES = 37;

async function writePieces(response: ServerResponse, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    await new Promise((resolve) => response.write(bytes.subarray(at, at + PIECE_BYTES), resolve));
  }
  response.end();
}
