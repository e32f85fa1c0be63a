import { Readable } from "node:stream";
import { Type } from "typebox";
import { CancellableWait } from "../../domain/cancellable-wait.ts";
import type { DagRunRead } from "../../domain/reads.ts";
import { ACTIVE_LIMIT, DAG_RUN_STATE_CODES } from "../../domain/states.ts";
import { RETURN_VALUE } from "../../domain/xcom-reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { getDagRun } from "./found.ts";
import { queryObject } from "./query.ts";

/** Airflow's own bound. */
const MAX_INTERVAL_S = 3_600;

/** NDJSON: the state of a run at each interval, and with the last line what tasks returned. */
export function runWaitRoutes(app: ApiServer, { reads, clock }: ApiContext): void {
  const schema = {
    tags: ["DagRun"],
    summary: "Waits for the end of a run: a line of JSON at each interval, the last one with the values of the tasks in `result`",
    params: Type.Object({ dag_id: Type.String(), dag_run_id: Type.String() }),
    querystring: queryObject({
      interval: Type.Number({ exclusiveMinimum: 0, maximum: MAX_INTERVAL_S, description: "seconds" }),
      result: Type.Optional(Type.Array(Type.String(), { description: "ids of tasks" })),
    }),
    response: { 200: { content: { "application/x-ndjson": { schema: Type.String() } } } },
  };
  app.get("/api/v2/dags/:dag_id/dagRuns/:dag_run_id/wait", { schema }, async ({ params, query }, reply) => {
    const first = await getDagRun(reads, params.dag_id, params.dag_run_id);
    const waits = new CancellableWait(clock);
    reply.raw.once("close", () => waits.cancel());
    const lines = follow(first, query.interval * 1000, query.result ?? [], waits);
    void reply.type("application/x-ndjson");
    return reply.send(Readable.from(lines) as unknown as string);
  });

  async function* follow(
    first: DagRunRead,
    intervalMs: number,
    taskIds: readonly string[],
    waits: CancellableWait,
  ): AsyncGenerator<string> {
    let run = first;
    while (DAG_RUN_STATE_CODES[run.state] < ACTIVE_LIMIT) {
      yield `${JSON.stringify({ state: run.state })}\n`;
      await waits.wait(intervalMs);
      run = (await reads.dagRuns.findMany([run.id])).get(run.id) ?? run;
    }
    const results = taskIds.length === 0 ? {} : { results: await readResults(run, taskIds) };
    yield `${JSON.stringify({ state: run.state, ...results })}\n`;
  }

  async function readResults(run: DagRunRead, taskIds: readonly string[]): Promise<Record<string, unknown>> {
    const instances = (await reads.taskInstances.listOfRun(run)).filter(({ task }) => taskIds.includes(task.id));
    const values = await Promise.all(instances.map((instance) => reads.xcoms.value(instance, RETURN_VALUE)));
    return Object.fromEntries(instances.map(({ task }, at) => [task.id, values[at]?.value ?? null]));
  }
}
