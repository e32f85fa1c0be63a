import { createConnection, createServer, type Server, type Socket } from "node:net";

/** A network between a client and a server of this machine, to be cut. It ends with the test that stops it. */
export class TcpProxy {
  readonly host: string;
  readonly port: number;
  readonly #server: Server;
  readonly #target: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isSilent = false;
  #isDown = false;

  private constructor(server: Server, host: string, port: number, target: number) {
    this.#server = server;
    this.host = host;
    this.port = port;
    this.#target = target;
    server.on("connection", (client) => this.#join(client));
  }

  /** `host` is an address of the loopback network, `port` 0 a free one. */
  static async start(target: number, { host = "127.0.0.1", port = 0 }: { host?: string; port?: number } = {}): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    server.unref();
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("expected a TCP address");
    return new TcpProxy(server, host, address.port, target);
  }

  /** How many connections lead through it. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Connections are reset, and new ones too, until `heal`. */
  cut(): void {
    this.#isDown = true;
    this.#reset();
  }

  /** What is connected now is never heard of again, as behind a router that forgot it; new connections hang until `heal`. */
  silence(): void {
    this.#isSilent = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  /** New connections lead through again; those that were silenced stay silent. */
  heal(): void {
    this.#isDown = false;
    this.#isSilent = false;
  }

  async stop(): Promise<void> {
    this.#reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #reset(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  #join(client: Socket): void {
    const server = createConnection(this.#target, "127.0.0.1");
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.unref();
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
    }
    if (this.#isDown) for (const socket of pair) socket.resetAndDestroy();
    else if (!this.#isSilent) this.#forward(client, server);
  }

  #forward(client: Socket, server: Socket): void {
    client.on("data", (chunk) => void server.write(chunk));
    server.on("data", (chunk) => void client.write(chunk));
  }
}
