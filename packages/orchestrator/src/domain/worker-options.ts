/**
 * What a worker is started with. In its environment, since anyone on the machine can read the arguments of a process;
 * taken out of there before any code of a DAG file runs.
 */
export interface WorkerOptions {
  readonly socketPath: string;
  readonly token: string;
  readonly slots: number;
  readonly version: string;
}

const VARIABLE = "MILLRACE_WORKER_OPTIONS";

export function workerEnvironment(options: WorkerOptions): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(options) };
}

/** @throws {Error} where this process was not started by an executor. */
export function takeWorkerOptions(environment: Record<string, string | undefined>): WorkerOptions {
  const json = environment[VARIABLE];
  if (json === undefined) throw new Error(`a worker is started by the server, with its options in ${VARIABLE}`);
  delete environment[VARIABLE];
  return JSON.parse(json) as WorkerOptions;
}
