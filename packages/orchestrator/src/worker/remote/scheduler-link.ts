import { connect, isIP, type Socket } from "node:net";
import { randomBytes } from "node:crypto";
import { connect as connectTls } from "node:tls";
import { backoffMs } from "../../domain/backoff.ts";
import type { Clock } from "../../domain/clock.ts";
import { type ErrorCode, ERRORS, MillraceError } from "../../domain/errors.ts";
import { FrameChannel } from "../../domain/frame-channel.ts";
import { type Frame, MAX_FRAME_BYTES } from "../../domain/frame-codec.ts";
import { DEAD_AFTER_MS, Liveness } from "../../domain/liveness.ts";
import type { Log } from "../../domain/log.ts";
import { isSameProof, proveToken, type RemoteHello, type RemoteWorkerFrame, type SchedulerFrame } from "../../domain/remote-frames.ts";
import { formatSchedulerAddress, type SchedulerAddress } from "../../domain/scheduler-address.ts";

export interface LinkOptions {
  readonly address: SchedulerAddress;
  /** PEM of the authorities that a scheduler's certificate is checked against. */
  readonly ca: readonly string[];
  readonly token: string;
  readonly clock: Clock;
  readonly log: Log;
  /** What this worker says of itself, with what it has of this scheduler. */
  hello(): Omit<RemoteHello, "type" | "nonce" | "proof">;
  /** Another link leads to the same scheduler process: one is enough. */
  isKnown(scheduler: string): boolean;
  beat(): RemoteWorkerFrame;
  onConnected(welcome: Extract<SchedulerFrame, { type: "welcome" }>): void;
  onFrame(frame: Frame<SchedulerFrame>): void;
  onDisconnected(): void;
  /** It does not take this worker. */
  onRefused(error: MillraceError): void;
}

const CONNECT_WITHIN_MS = 10_000;
/** Before the scheduler has shown that it knows the token; its welcome names fences. */
const MAX_STRANGER_FRAME_BYTES = 2 * 1024 * 1024;
const BACKOFF = { firstMs: 200, maxMs: 5_000 };
const REFUSED_AGAIN_MS = 10_000;
const SAME_AGAIN_MS = 30_000;

export type LinkState = "waiting" | "connecting" | "connected" | "refused" | "same" | "stopped";

/** One connection to one scheduler, made again whenever it is lost. */
export class SchedulerLink {
  readonly name: string;
  state: LinkState = "waiting";
  /** The process at the other end; null where none was reached. */
  scheduler: string | null = null;
  readonly #options: LinkOptions;
  #socket: Socket | null = null;
  #channel: FrameChannel<RemoteWorkerFrame, SchedulerFrame> | null = null;
  #liveness: Liveness | null = null;
  #failures = 0;
  #told = "";
  #cancelTimer: () => void = () => undefined;
  #nonce = "";

  constructor(options: LinkOptions) {
    this.#options = options;
    this.name = formatSchedulerAddress(options.address);
  }

  get isConnected(): boolean {
    return this.state === "connected";
  }

  start(): void {
    this.state = "connecting";
    const { host, port, isTls } = this.#options.address;
    const socket = isTls
      ? connectTls({ host, port, ca: [...this.#options.ca], ...(isIP(host) === 0 && { servername: host }) })
      : connect({ host, port });
    this.#socket = socket;
    const channel = new FrameChannel<RemoteWorkerFrame, SchedulerFrame>((bytes) => void socket.write(bytes), MAX_STRANGER_FRAME_BYTES);
    this.#channel = channel;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(socket, chunk));
    socket.on("error", (error) => this.#lose(socket, describeSocketError(error, isTls)));
    socket.on("close", () => this.#lose(socket, "the scheduler closed the connection"));
    const late = `no greeting within ${CONNECT_WITHIN_MS / 1_000} s${isTls ? "" : "; where the scheduler has TLS, give its address as tls://…, or --tls-ca"}`;
    this.#cancelTimer = this.#options.clock.after(CONNECT_WITHIN_MS, () => this.#lose(socket, late));
  }

  send(frame: RemoteWorkerFrame, tail?: readonly Uint8Array[]): void {
    this.#channel?.send(frame, tail);
  }

  /** What was sent still arrives, where the other side reads. Nothing is made again. */
  stop(farewell?: RemoteWorkerFrame): void {
    const wasConnected = this.isConnected;
    this.state = "stopped";
    this.#cancelTimer();
    this.#liveness?.stop();
    const socket = this.#socket;
    this.#socket = null;
    if (!wasConnected || farewell === undefined) socket?.destroy();
    else {
      this.send(farewell);
      this.#channel?.flush();
      socket?.end();
    }
    this.#channel = null;
  }

  #receive(socket: Socket, chunk: Buffer): void {
    if (socket !== this.#socket || this.#channel === null) return;
    this.#liveness?.heard();
    try {
      for (const frame of this.#channel.receive(chunk)) {
        if (socket !== this.#socket) return;
        if (this.isConnected) this.#options.onFrame(frame);
        else this.#meet(socket, frame.header);
      }
    } catch (error) {
      this.#lose(socket, `it sent what is no frame of the worker protocol: ${(error as Error).message}`);
    }
  }

  #meet(socket: Socket, frame: SchedulerFrame): void {
    if (frame.type === "greeting") this.#answer(frame);
    else if (frame.type === "welcome") this.#enter(socket, frame);
    else if (frame.type === "refused") this.#refuse(frame.code, frame.message);
    else throw new Error(`expected a greeting, got '${frame.type}'`);
  }

  #answer({ scheduler, nonce }: Extract<SchedulerFrame, { type: "greeting" }>): void {
    if (this.#options.isKnown(scheduler)) {
      this.#wait("same", SAME_AGAIN_MS);
      return;
    }
    this.scheduler = scheduler;
    const hello = this.#options.hello();
    this.#nonce = randomBytes(24).toString("base64url");
    const proof = proveToken(this.#options.token, "worker", nonce, hello.worker);
    this.send({ type: "hello", ...hello, nonce: this.#nonce, proof });
  }

  #enter(socket: Socket, welcome: Extract<SchedulerFrame, { type: "welcome" }>): void {
    const { token, clock, log } = this.#options;
    if (!isSameProof(proveToken(token, "scheduler", this.#nonce, this.#options.hello().worker), welcome.proof)) {
      this.#refuse("WORKER_TOKEN_WRONG", "the scheduler does not know this worker's token");
      return;
    }
    this.#cancelTimer();
    this.#failures = 0;
    this.#told = "";
    this.state = "connected";
    this.#channel?.trust(MAX_FRAME_BYTES);
    this.#liveness = new Liveness({
      clock,
      beat: () => this.send(this.#options.beat()),
      onDead: () => this.#lose(socket, `nothing was heard from it for ${DEAD_AFTER_MS / 1_000} s`),
    });
    this.#liveness.start();
    log.info("connected to a scheduler", { scheduler: this.name, protocol: welcome.protocol });
    this.#options.onConnected(welcome);
  }

  #refuse(code: string, message: string): void {
    const known = code in ERRORS ? (code as ErrorCode) : "WORKER_REFUSED";
    const error = new MillraceError(known, `the scheduler at ${this.name} refused this worker: ${message}`);
    this.#tellOnce("error", `${code}: ${error.message}`, { hint: error.hint });
    this.#wait("refused", REFUSED_AGAIN_MS);
    this.#options.onRefused(error);
  }

  #lose(socket: Socket, reason: string): void {
    if (socket !== this.#socket) return;
    const wasConnected = this.isConnected;
    this.#failures += 1;
    const message = wasConnected ? "the connection to a scheduler is lost" : "no connection to a scheduler";
    this.#tellOnce("warn", `${message}: ${reason}; it is tried again`, { scheduler: this.name });
    this.#wait("waiting", backoffMs(this.#failures, BACKOFF));
    if (wasConnected) this.#options.onDisconnected();
  }

  #wait(state: LinkState, ms: number): void {
    this.state = state;
    this.scheduler = null;
    this.#cancelTimer();
    this.#liveness?.stop();
    const socket = this.#socket;
    this.#socket = null;
    this.#channel = null;
    socket?.destroy();
    this.#cancelTimer = this.#options.clock.after(ms, () => this.start());
  }

  /** The same again would only fill the log. */
  #tellOnce(level: "warn" | "error", message: string, fields: object): void {
    if (this.#told === message) return;
    this.#told = message;
    this.#options.log[level](message, fields);
  }
}

function describeSocketError(error: Error, isTls: boolean): string {
  const { code = "" } = error as NodeJS.ErrnoException;
  const text = error.message === "" ? code : error.message;
  if (isTls && code.startsWith("ERR_SSL")) return `${text} (does the scheduler have TLS?)`;
  const isUnknown = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)/.test(code);
  return isUnknown ? `${text} (--tls-ca names the file of the authority that signed the scheduler's certificate)` : text;
}
