import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type DagRun, listAll } from "./demo/records.ts";
import { MillraceServer } from "./demo/server.ts";

export interface RunningExample {
  readonly server: MillraceServer;
  /** Its runs, oldest first. */
  readonly runs: (dagId: string) => Promise<readonly DagRun[]>;
  /** What a task logged in all runs of its DAG: `event` is the message, beside it are the fields. */
  readonly logged: (dagId: string, taskId: string) => Promise<readonly object[]>;
}

type LogPage = { readonly content: readonly { readonly timestamp: string; readonly level: string; readonly event: string }[] };

/** `millrace standalone` on `examples/<path>` with files of its own, stopped with the test. */
export async function startExample(
  t: TestContext,
  path: string,
  environment: Readonly<Record<string, string>>,
  options: { readonly needsWatchers?: boolean } = {},
): Promise<RunningExample> {
  const home = mkdtempSync(join(tmpdir(), "millrace-example-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const dags = [join(import.meta.dirname, "../examples", path)];
  let ended: Error | null = null;
  const server = await MillraceServer.start({ dags, home, environment, onEarlyExit: (error) => (ended = error), ...options });
  t.after(async () => {
    await server.stop();
    if (ended !== null) throw ended;
  });
  const runs: RunningExample["runs"] = (dagId) => listAll<DagRun>(server, `/dags/${dagId}/dagRuns`, "dag_runs");
  const logged: RunningExample["logged"] = async (dagId, taskId) => {
    const ids = (await runs(dagId)).map(({ dag_run_id: id }) => encodeURIComponent(id));
    const logs = ids.map((id) => server.get<LogPage>(`/dags/${dagId}/dagRuns/${id}/taskInstances/${taskId}/logs/1`));
    return (await Promise.all(logs)).flatMap(({ content }) => content.map(({ timestamp: _at, level: _level, ...line }) => line));
  };
  return { server, runs, logged };
}
