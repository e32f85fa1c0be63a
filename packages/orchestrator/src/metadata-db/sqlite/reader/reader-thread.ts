import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { MillraceError } from "../../../domain/errors.ts";
import { READER_OPENED, type ReaderData, type ReaderReply, type ReaderRequest } from "./protocol.ts";

export type ReaderRow = Record<string, unknown>;

interface Waiting {
  readonly resolve: (rows: readonly ReaderRow[]) => void;
  readonly reject: (error: Error) => void;
}

/** The near end of the reader thread: any number of queries under way, answered in order. One that died is started again by the next query. */
export class ReaderThread {
  readonly #file: string;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null;
  #exited: Promise<void> = Promise.resolve();
  #lastId = 0;
  #isClosed = false;

  constructor(file: string) {
    this.#file = file;
    this.#worker = this.#start();
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
    if (this.#isClosed) throw this.#unreadable("the reader is closed");
    this.#lastId += 1;
    const request: ReaderRequest = { id: this.#lastId, sql, parameters };
    const rows = this.#wait(request.id);
    this.#worker ??= this.#start();
    this.#worker.postMessage(request);
    return rows;
  }

  /** Answers what was asked before, then ends the thread. A second close is harmless. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#worker?.postMessage(null);
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

  #start(): Worker {
    const workerData: ReaderData = { file: this.#file };
    const url = new URL(`./thread${extname(import.meta.filename)}`, import.meta.url);
    const worker = new Worker(url, { workerData });
    let cause: Error | undefined;
    worker.on("message", (reply: ReaderReply) => this.#settle(reply));
    worker.on("error", (error) => (cause = error));
    this.#exited = new Promise((resolve) => {
      worker.once("exit", (code) => {
        this.#worker = null;
        const problem = this.#isClosed ? "the reader is closed" : `the reader died: ${cause?.message ?? `exit code ${code}`}`;
        this.#fail(this.#unreadable(problem, cause));
        resolve();
      });
    });
    return worker;
  }

  #fail(error: Error): void {
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
