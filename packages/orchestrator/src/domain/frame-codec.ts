// Frames of the worker protocol (worker-frames.ts) to bytes and back.

const PREFIX_BYTES = 8;
/** A frame above this is a broken or hostile peer: a dispatch brings the results of all that its task needs. */
export const MAX_FRAME_BYTES = 1024 * 1024 * 1024;

export interface Frame<Header> {
  readonly header: Header;
  readonly tail: Buffer;
}

export function encodeFrame(header: object, tail: readonly Uint8Array[] = []): Buffer {
  const json = JSON.stringify(header);
  const jsonBytes = Buffer.byteLength(json);
  const tailBytes = tail.reduce((sum, part) => sum + part.byteLength, 0);
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + jsonBytes + tailBytes);
  frame.writeUInt32LE(4 + jsonBytes + tailBytes, 0);
  frame.writeUInt32LE(jsonBytes, 4);
  frame.write(json, PREFIX_BYTES, "utf8");
  let offset = PREFIX_BYTES + jsonBytes;
  for (const part of tail) {
    frame.set(part, offset);
    offset += part.byteLength;
  }
  return frame;
}

export class FrameDecoder<Header> {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Below it no frame can be complete: a large one is put together once, not at every chunk. */
  #neededBytes = PREFIX_BYTES;
  /** A frame that announces more is an error, before any of it is kept. */
  maxFrameBytes: number;

  constructor(maxFrameBytes: number = MAX_FRAME_BYTES) {
    this.maxFrameBytes = maxFrameBytes;
  }

  /**
   * Takes the next bytes of the stream and gives the frames they complete. Tails may share memory with `chunk`.
   * @throws {Error} for a frame no peer of ours would send; the connection is then to be closed.
   */
  push(chunk: Buffer): readonly Frame<Header>[] {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.byteLength;
    if (this.#waitingBytes < this.#neededBytes) return [];
    const bytes = this.#waiting.length === 1 ? chunk : Buffer.concat(this.#waiting);
    const frames: Frame<Header>[] = [];
    let offset = 0;
    this.#neededBytes = PREFIX_BYTES;
    while (bytes.byteLength - offset >= PREFIX_BYTES) {
      const end = offset + 4 + bytes.readUInt32LE(offset);
      const headerEnd = offset + PREFIX_BYTES + bytes.readUInt32LE(offset + 4);
      if (end - offset > this.maxFrameBytes || headerEnd > end)
        throw new Error(`frame of ${end - offset} bytes, expected at most ${this.maxFrameBytes}`);
      if (bytes.byteLength < end) {
        this.#neededBytes = end - offset;
        break;
      }
      frames.push({
        header: JSON.parse(bytes.toString("utf8", offset + PREFIX_BYTES, headerEnd)) as Header,
        tail: bytes.subarray(headerEnd, end),
      });
      offset = end;
    }
    this.#waiting = offset === bytes.byteLength ? [] : [bytes.subarray(offset)];
    this.#waitingBytes = bytes.byteLength - offset;
    return frames;
  }
}

/** Cuts a tail into parts of the given lengths, in order. */
export class TailReader {
  readonly #tail: Buffer;
  #offset = 0;

  constructor(tail: Buffer) {
    this.#tail = tail;
  }

  /** null for a length of -1. */
  take(length: number): Buffer | null {
    if (length < 0) return null;
    const part = this.#tail.subarray(this.#offset, this.#offset + length);
    if (part.byteLength !== length) throw new Error(`frame tail too short: expected ${length} more bytes, got ${part.byteLength}`);
    this.#offset += length;
    return part;
  }
}
