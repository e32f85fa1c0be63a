import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { MillraceError } from "../../../domain/errors.ts";
import { READER_OPENED, type ReaderData, type ReaderReply, type ReaderRequest } from "./protocol.ts";

export type ReaderRow = Record<string, unknown>;

interface Waiting {
  readonly resolve: (rows: readonly ReaderRow[]) => void;
  readonly reject: (error: Error) => void;
}

/** The near end of the reader thread: any number of queries under way, answered in order. */
export class ReaderThread {
  readonly #file: string;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #lastId = 0;
  #closed: Error | null = null;

  constructor(file: string) {
    this.#file = file;
    const data: ReaderData = { file };
    this.#worker = new Worker(new URL(`./thread${extname(import.meta.filename)}`, import.meta.url), { workerData: data });
    this.#worker.on("message", (reply: ReaderReply) => this.#settle(reply));
    this.#worker.on("error", (error) => this.#fail(this.#unreadable(`the reader thread died: ${error.message}`, error)));
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#fail(this.#unreadable("the reader is closed"));
        resolve();
      });
    });
  }

  /**
   * Resolves once the database is open.
   * @throws {MillraceError} DB_UNREADABLE
   */
  async opened(): Promise<void> {
    await this.#wait(READER_OPENED);
  }

  /** @throws {MillraceError} DB_UNREADABLE: the query failed, or the reader is closed */
  async query(sql: string, parameters: readonly unknown[]): Promise<readonly ReaderRow[]> {
    if (this.#closed !== null) throw this.#closed;
    this.#lastId += 1;
    const request: ReaderRequest = { id: this.#lastId, sql, parameters };
    const rows = this.#wait(request.id);
    this.#worker.postMessage(request);
    return rows;
  }

  /** Answers what was asked before, then ends the thread. A second close is harmless. */
  async close(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = this.#unreadable("the reader is closed");
      this.#worker.postMessage(null);
    }
    await this.#exited;
  }

  #wait(id: number): Promise<readonly ReaderRow[]> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #settle(reply: ReaderReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("rows" in reply) waiting?.resolve(reply.rows);
    else waiting?.reject(this.#unreadable(`${reply.error.message}${reply.error.code === null ? "" : ` (${reply.error.code})`}`));
  }

  #fail(error: Error): void {
    this.#closed ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #unreadable(problem: string, cause?: unknown): MillraceError {
    return new MillraceError(
      "DB_UNREADABLE",
      `cannot read the metadata DB '${this.#file}': ${problem}`,
      cause === undefined ? {} : { cause },
    );
  }
}
