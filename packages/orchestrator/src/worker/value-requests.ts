import type { ServerFrame, TryRef } from "../domain/worker-frames.ts";
import type { SendFrame } from "./task-runner.ts";

interface Request {
  resolve(value: unknown): void;
  reject(error: Error): void;
  /** Where the task asked. */
  readonly site: Error;
}

/** Connections and variables, asked of the server by name: a worker has no database and no secrets of its own. */
export class ValueRequests {
  readonly #send: SendFrame;
  readonly #open = new Map<number, Request>();
  #next = 1;

  constructor(send: SendFrame) {
    this.#send = send;
  }

  /** @throws {Error} with the server's sentence, where there is none of that name. */
  get(ref: TryRef, what: "connection" | "variable", id: string): Promise<unknown> {
    // Of the author's lines only this one is known: the answer comes from the socket.
    const site = new Error();
    if (typeof id !== "string") return Promise.reject(errorAt(site, `${what}: expected its name as a string, got ${typeof id}`));
    return new Promise((resolve, reject) => {
      const request = this.#next++;
      this.#open.set(request, { resolve, reject, site });
      this.#send({ type: "get", request, ref, what, id });
    });
  }

  settle({ request, value, error }: Extract<ServerFrame, { type: "value" }>): void {
    const open = this.#open.get(request);
    this.#open.delete(request);
    if (error === null) open?.resolve(value);
    else open?.reject(errorAt(open.site, error));
  }
}

/** The stack of an error begins with the message it was made with. */
function errorAt(site: Error, message: string): Error {
  const error = new Error(message);
  error.stack = `${String(error)}${site.stack?.slice(String(site).length) ?? ""}`;
  return error;
}
