import { type Frame, FrameDecoder, encodeFrame } from "./frame-codec.ts";

/** Frames over a byte stream: what is sent in one turn of the event loop goes out in one write. */
export class FrameChannel<Sent extends object, Received> {
  readonly #write: (bytes: Buffer) => void;
  readonly #decoder: FrameDecoder<Received>;
  #outgoing: Buffer[] = [];

  constructor(write: (bytes: Buffer) => void, maxFrameBytes?: number) {
    this.#write = write;
    this.#decoder = new FrameDecoder(maxFrameBytes);
  }

  send(header: Sent, tail: readonly Uint8Array[] = []): void {
    if (this.#outgoing.length === 0) process.nextTick(() => this.flush());
    this.#outgoing.push(encodeFrame(header, tail));
  }

  /** Takes frames of any size from now on: the other side has shown who it is. */
  trust(maxFrameBytes: number): void {
    this.#decoder.maxFrameBytes = maxFrameBytes;
  }

  /** @throws {Error} for bytes that are no frames; the connection is then to be closed. */
  receive(chunk: Buffer): readonly Frame<Received>[] {
    return this.#decoder.push(chunk);
  }

  flush(): void {
    const frames = this.#outgoing;
    this.#outgoing = [];
    if (frames.length > 0) this.#write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }
}
