/** What a worker is started with; passed in its arguments, so that its environment holds nothing but the allow-list. */
export interface WorkerOptions {
  readonly socketPath: string;
  readonly token: string;
  readonly slots: number;
  readonly version: string;
}

export function encodeWorkerOptions(options: WorkerOptions): string {
  return Buffer.from(JSON.stringify(options)).toString("base64url");
}

/** @throws {Error} where this process was not started by an executor. */
export function readWorkerOptions(): WorkerOptions {
  const encoded = process.argv[2];
  if (encoded === undefined) throw new Error("a worker is started by the server, with its options as the first argument");
  return JSON.parse(Buffer.from(encoded, "base64url").toString("utf8")) as WorkerOptions;
}
