import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { hostname } from "node:os";
import { createServer as createTlsServer } from "node:tls";
import type { Clock } from "../../domain/clock.ts";
import { type ErrorCode, MillraceError } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import { isSameProof, proveToken, type RemoteHello } from "../../domain/remote-frames.ts";
import { commonProtocol, describeProtocolGap, WORKER_PROTOCOL } from "../../domain/worker-frames.ts";
import { WorkerConnection } from "./worker-connection.ts";

export interface WorkerListenerOptions {
  /** null: every address of this machine. */
  readonly host: string | null;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM; null: the connection is not encrypted. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly token: string;
  /** Names this scheduler process. */
  readonly scheduler: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A worker that knows the token and speaks a protocol that this scheduler does. */
export interface AdmittedWorker {
  readonly connection: WorkerConnection;
  readonly hello: RemoteHello;
  readonly protocol: number;
  /** That this scheduler knows the token, too. */
  readonly proof: string;
}

export interface WorkerListenerEvents {
  onWorker(worker: AdmittedWorker): void;
  /** It knows the token and is refused all the same. */
  onRefused(hello: RemoteHello, message: string): void;
}

/** From the connection until its hello. */
const HELLO_WITHIN_MS = 5_000;
/** Connections that have not said hello yet; more are closed at once. */
const MAX_STRANGERS = 64;
/** The same refusal of the same address is logged so often at most. */
const REPEAT_LOG_MS = 60_000;
const MAX_LOGGED = 1_000;

/** Lets workers in: who does not know the token, speaks another protocol, or none, is turned away within bounds. */
export class WorkerListener {
  readonly #options: WorkerListenerOptions;
  readonly #events: WorkerListenerEvents;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** When a refusal was last logged, by address and code. */
  readonly #logged = new Map<string, number>();
  #strangers = 0;

  constructor(options: WorkerListenerOptions, events: WorkerListenerEvents) {
    this.#options = options;
    this.#events = events;
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server =
      options.tls === null
        ? createServer(accept)
        : createTlsServer({ ...options.tls, minVersion: "TLSv1.2", handshakeTimeout: HELLO_WITHIN_MS }, accept);
    this.#server.on("tlsClientError", (error: Error, socket: Socket) => {
      socket.destroy();
      this.#logRefusal(socket.remoteAddress ?? "unknown", "WORKER_TLS", `no TLS connection: ${error.message}`);
    });
  }

  /** `host:port`, with this machine's name where it listens on all its addresses; null before the start. */
  get address(): string | null {
    const listening = this.#server.address() as AddressInfo | null;
    if (listening === null) return null;
    const { address, family, port } = listening;
    if (address === "::" || address === "0.0.0.0") return `${hostname()}:${port}`;
    return family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`;
  }

  /** @throws {MillraceError} PORT_IN_USE, CONFIG_INVALID */
  async start(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error) => reject(listenError(error, host, port)));
      this.#server.listen({ port, ...(host !== null && { host }) }, resolve);
    });
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    // What was written to them, a farewell, goes out first where the other side reads.
    for (const socket of this.#sockets) if (socket.writableLength > 0 && !socket.destroyed) socket.once("finish", () => socket.destroy());
    const cancel = this.#options.clock.after(1_000, () => this.#destroyAll());
    for (const socket of this.#sockets) if (socket.writableLength === 0) socket.destroy();
    await closed;
    cancel();
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    if (this.#strangers >= MAX_STRANGERS) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    this.#greet(socket);
  }

  #greet(socket: Socket): void {
    const { clock, scheduler, version } = this.#options;
    const nonce = randomBytes(24).toString("base64url");
    this.#strangers += 1;
    let isStranger = true;
    const leave = (): void => {
      if (isStranger) this.#strangers -= 1;
      isStranger = false;
      cancel();
    };
    const connection = new WorkerConnection(socket, clock, {
      onFrame: ({ header }) => {
        if (!isStranger) return;
        leave();
        this.#judge(connection, header as RemoteHello, nonce);
      },
      onClose: (reason, text) => {
        leave();
        if (reason === "broken") this.#logRefusal(connection.remoteAddress, "WORKER_HELLO", text);
      },
    });
    const cancel = clock.after(HELLO_WITHIN_MS, () => {
      leave();
      this.#refuse(connection, "WORKER_HELLO", `expected a hello within ${HELLO_WITHIN_MS / 1_000} s, got none`);
    });
    connection.send({ type: "greeting", protocol: WORKER_PROTOCOL, version, scheduler, nonce });
  }

  #judge(connection: WorkerConnection, hello: RemoteHello, nonce: string): void {
    if (hello.type !== "hello" || typeof hello.worker !== "string" || typeof hello.protocol !== "number") {
      this.#refuse(connection, "WORKER_HELLO", "expected a frame 'hello', got another one");
      return;
    }
    const { token } = this.#options;
    if (!isSameProof(proveToken(token, "worker", nonce, hello.worker), hello.proof)) {
      this.#refuse(connection, "WORKER_TOKEN_WRONG", "the worker's token is not this scheduler's");
      return;
    }
    const protocol = commonProtocol(WORKER_PROTOCOL, hello.protocol);
    if (protocol === null) {
      const message = `${describeProtocolGap(WORKER_PROTOCOL, hello.protocol)} (Millrace ${this.#options.version} here, ${hello.version} there)`;
      this.#refuse(connection, "WORKER_PROTOCOL_MISMATCH", message);
      this.#events.onRefused(hello, message);
      return;
    }
    connection.trust();
    this.#events.onWorker({ connection, hello, protocol, proof: proveToken(token, "scheduler", hello.nonce, hello.worker) });
  }

  #refuse(connection: WorkerConnection, code: ErrorCode, message: string): void {
    this.#logRefusal(connection.remoteAddress, code, message);
    connection.end({ type: "refused", code, message });
    this.#options.clock.after(HELLO_WITHIN_MS, () => connection.destroy());
  }

  #logRefusal(address: string, code: string, message: string): void {
    const key = `${address} ${code}`;
    const now = this.#options.clock.monotonic();
    const last = this.#logged.get(key);
    if (last !== undefined && now - last < REPEAT_LOG_MS) return;
    if (this.#logged.size >= MAX_LOGGED) this.#logged.clear();
    this.#logged.set(key, now);
    this.#options.log.warn(`a worker was refused: ${code}: ${message}`, { from: address });
  }
}

function listenError(cause: Error, host: string | null, port: number): MillraceError {
  const { code } = cause as NodeJS.ErrnoException;
  const place = host === null ? `port ${port}` : `${host}:${port}`;
  if (code === "EADDRINUSE") {
    const hint = "stop what listens there, or choose another with --worker-port";
    return new MillraceError("PORT_IN_USE", `expected ${place} to be free for workers, something listens there already`, { cause, hint });
  }
  const hint = "give an address of this machine with --worker-host";
  return new MillraceError("CONFIG_INVALID", `--worker-host: cannot listen for workers at ${place}: ${cause.message}`, { cause, hint });
}
