import { format } from "node:util";
import type { SecretMask } from "../domain/secret-mask.ts";
import { now } from "./worker-clock.ts";

const MAX_CHUNK_BYTES = 64 * 1024;
const FLUSH_MS = 1_000;
/** A longer message is cut, and fields beside it are left out: a log is read line by line. */
const MAX_LINE_LENGTH = 32 * 1024;

export type LogLevel = "debug" | "info" | "warn" | "error";

/** The log of one try: NDJSON lines, sent with the result, or each second and at 64 KiB where the task takes longer. */
export class TaskLog {
  readonly #mask: SecretMask;
  readonly #send: (seq: number, chunk: Uint8Array) => void;
  #lines: string[] = [];
  #bytes = 0;
  #seq = 0;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(mask: SecretMask, send: (seq: number, chunk: Uint8Array) => void) {
    this.#mask = mask;
    this.#send = send;
  }

  add(level: LogLevel, message: string, fields?: object, stream?: "stdout" | "stderr"): void {
    if (this.#isClosed) return;
    // A task in JavaScript may log anything as its message.
    const msg = this.#mask.apply(typeof message === "string" ? message : format(message));
    const line = `${this.#encode({ t: now(), level, msg, ...(stream && { stream }) }, fields)}\n`;
    this.#lines.push(line);
    this.#bytes += Buffer.byteLength(line);
    if (this.#bytes >= MAX_CHUNK_BYTES) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /** Ends the log and gives what was not sent yet; what a task says after its end is dropped. */
  close(): { readonly seq: number; readonly chunk: Uint8Array } {
    this.#isClosed = true;
    return this.#take();
  }

  #encode(line: Line, fields: object | undefined): string {
    const head = JSON.stringify(line);
    const json = encodeFields(fields);
    const encoded = json === undefined ? head : `${head.slice(0, -1)},"fields":${this.#mask.applyToJson(json)}}`;
    return encoded.length <= MAX_LINE_LENGTH ? encoded : cut(line, encoded.length);
  }

  #flush(): void {
    const { seq, chunk } = this.#take();
    this.#send(seq, chunk);
  }

  #take(): { readonly seq: number; readonly chunk: Uint8Array } {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const chunk = Buffer.from(this.#lines.join(""));
    this.#lines = [];
    this.#bytes = 0;
    const seq = this.#seq;
    this.#seq += 1;
    return { seq, chunk };
  }
}

interface Line {
  readonly t: number;
  readonly level: LogLevel;
  readonly msg: string;
  readonly stream?: "stdout" | "stderr";
}

function cut(line: Line, length: number): string {
  return JSON.stringify({ ...line, msg: line.msg.slice(0, MAX_LINE_LENGTH / 2), fields: { cut: `the line had ${length} characters` } });
}

/** JSON, whatever the fields are; undefined where there are none. */
function encodeFields(fields: object | undefined): string | undefined {
  try {
    return JSON.stringify(fields, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
  } catch (error) {
    return JSON.stringify({ unserializable: (error as Error).message });
  }
}
