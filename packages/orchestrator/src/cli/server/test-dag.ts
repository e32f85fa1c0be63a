import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type Environment, readLogConfig } from "../../config/config.ts";
import { EnvironmentConnections } from "../../config/connections.ts";
import { EnvironmentVariables } from "../../config/variables.ts";
import { systemClock } from "../../domain/clock.ts";
import type { LoadPass } from "../../domain/dag-folder.ts";
import type { DagSnapshot } from "../../domain/dag-snapshot.ts";
import { MillraceError } from "../../domain/errors.ts";
import { createLog } from "../../telemetry/log.ts";
import { describeImportError } from "../output/describe-import-error.ts";
import { readVersion } from "../read-version.ts";
import { DagTest } from "./dag-test.ts";

export interface TestDagOptions {
  /** Absolute. */
  readonly file: string;
  /** null: the only DAG of the file. */
  readonly dagId: string | null;
  /** Of the event; undefined for none. */
  readonly payload: unknown;
  readonly params: Readonly<Record<string, unknown>>;
  readonly environment: Environment;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs one DAG of a file against one payload, without a server or a broker, and prints what happens. Returns whether
 * a run succeeded.
 * @throws {MillraceError} USAGE, DAG_NOT_FOUND, EVENT_NEEDED, BAD_REQUEST, BAD_PARAMS, CONFIG_INVALID
 */
export async function testDag({ file, dagId, payload, params, environment }: TestDagOptions): Promise<boolean> {
  assertFile(file);
  const { logLevel: level, logFormat: format } = readLogConfig(environment);
  const home = mkdtempSync(join(tmpdir(), "millrace-test-"));
  const test = await DagTest.open({
    home,
    file,
    environment,
    connections: new EnvironmentConnections(environment),
    variables: new EnvironmentVariables(environment),
    clock: systemClock,
    log: createLog({ level, format }),
    version: readVersion(),
    print: (line) => void process.stdout.write(`${line}\n`),
  });
  const stop = async (): Promise<void> => {
    await test.stop();
    rmSync(home, { recursive: true, force: true });
  };
  let isInterrupted = false;
  const interrupt = (signal: "SIGINT" | "SIGTERM"): void => {
    isInterrupted = true;
    void stop().finally(() => process.exit(EXIT_CODES[signal]));
  };
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    const pass = await test.load();
    if (isInterrupted || printErrors(pass)) return false;
    return await test.run(chooseDag(pass, file, dagId), payload, params);
  } finally {
    await stop();
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

/** @throws {MillraceError} USAGE */
function assertFile(file: string): void {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats?.isFile() === true) return;
  const got = stats === undefined ? "found nothing" : "found a folder";
  throw new MillraceError("USAGE", `expected a DAG file at '${file}', ${got}`, { hint: "name one file, like dags/alert.ts" });
}

function printErrors({ files, errors }: LoadPass): boolean {
  for (const warning of files.flatMap(({ warnings }) => warnings)) console.error(`warning: ${warning}`);
  for (const error of errors) console.error(describeImportError(error));
  return errors.length > 0;
}

/** @throws {MillraceError} USAGE, DAG_NOT_FOUND */
function chooseDag({ files }: LoadPass, file: string, dagId: string | null): DagSnapshot {
  const dags = files.flatMap((loaded) => loaded.dags);
  const name = relative(process.cwd(), file);
  const names = dags.map((dag) => dag.dagId).join(", ");
  if (dags.length === 0) {
    const hint = "export what defineDag returns, as in `export default defineDag(…)`";
    throw new MillraceError("DAG_NOT_FOUND", `expected '${name}' to export a DAG, it exports none`, { hint });
  }
  if (dagId === null && dags.length > 1) {
    const hint = `name the one to test: \`millrace dags test ${name} ${dags[0]!.dagId}\``;
    throw new MillraceError("USAGE", `'${name}' has ${dags.length} DAGs: ${names}`, { hint });
  }
  const found = dagId === null ? dags[0] : dags.find((dag) => dag.dagId === dagId);
  if (found === undefined) throw new MillraceError("DAG_NOT_FOUND", `'${name}' has no DAG '${dagId}'`, { hint: `it has ${names}` });
  return found;
}
