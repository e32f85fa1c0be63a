import type { Socket } from "node:net";
import type { Clock } from "../../domain/clock.ts";
import { FrameChannel } from "../../domain/frame-channel.ts";
import type { Frame } from "../../domain/frame-codec.ts";
import { DEAD_AFTER_MS, Liveness } from "../../domain/liveness.ts";
import type { RemoteWorkerFrame, SchedulerFrame } from "../../domain/remote-frames.ts";

/** Of a hello, which names all that the worker has. */
const MAX_HELLO_BYTES = 1024 * 1024;
/** Of a result, which holds at most 64 MiB beside its header and its log. */
const MAX_FRAME_BYTES = 128 * 1024 * 1024;

export type CloseReason = "closed" | "silent" | "broken";

export interface WorkerConnectionHandlers {
  onFrame(frame: Frame<RemoteWorkerFrame>): void;
  /** Once; `silent`: nothing was heard for DEAD_AFTER_MS, `broken`: it sent what is no frame. */
  onClose(reason: CloseReason, text: string): void;
}

/** The scheduler's end of a worker's socket. */
export class WorkerConnection {
  readonly remoteAddress: string;
  /** Replaced once the other side has shown who it is. */
  handlers: WorkerConnectionHandlers;
  readonly #socket: Socket;
  readonly #channel: FrameChannel<SchedulerFrame, RemoteWorkerFrame>;
  readonly #liveness: Liveness;
  #isClosed = false;

  constructor(socket: Socket, clock: Clock, handlers: WorkerConnectionHandlers) {
    this.#socket = socket;
    this.handlers = handlers;
    this.remoteAddress = socket.remoteAddress ?? "unknown";
    this.#channel = new FrameChannel((bytes) => void socket.write(bytes), MAX_HELLO_BYTES);
    this.#liveness = new Liveness({
      clock,
      beat: () => this.send({ type: "heartbeat" }),
      onDead: () => this.#close("silent", `nothing was heard from it for ${DEAD_AFTER_MS / 1_000} s`),
    });
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.#close("closed", error.message));
    socket.on("close", () => this.#close("closed", "its connection was closed"));
  }

  /** It has shown that it knows the token: it may send results, and its silence is watched. */
  trust(): void {
    this.#channel.trust(MAX_FRAME_BYTES);
    this.#liveness.start();
  }

  send(frame: SchedulerFrame, tail?: readonly Uint8Array[]): void {
    if (!this.#isClosed) this.#channel.send(frame, tail);
  }

  /** What was sent still arrives, where the other side reads. */
  end(frame: SchedulerFrame): void {
    if (this.#isClosed) return;
    this.send(frame);
    this.#channel.flush();
    this.#socket.end();
    this.#stopListening();
  }

  destroy(): void {
    this.#stopListening();
    this.#socket.destroy();
  }

  #stopListening(): void {
    this.#isClosed = true;
    this.#liveness.stop();
  }

  #receive(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#liveness.heard();
    try {
      for (const frame of this.#channel.receive(chunk)) this.handlers.onFrame(frame);
    } catch (error) {
      this.#close("broken", `it sent what is no frame of the worker protocol: ${(error as Error).message}`);
    }
  }

  #close(reason: CloseReason, text: string): void {
    if (this.#isClosed) return;
    this.destroy();
    this.handlers.onClose(reason, text);
  }
}
