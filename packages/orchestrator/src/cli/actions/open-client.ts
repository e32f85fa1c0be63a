import { readClientConfig } from "../../config/client-config.ts";
import { MillraceError } from "../../domain/errors.ts";
import { type ApiClient, connect } from "../api-client.ts";
import type { DagRunBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";

export function openClient({ env }: CommandContext, options: ClientOptions): ApiClient {
  return connect(readClientConfig(env, options));
}

/** A path of the API with its ids put in. */
export function apiPath(strings: TemplateStringsArray, ...ids: readonly string[]): string {
  return String.raw({ raw: strings }, ...ids.map(encodeURIComponent));
}

/** @throws {MillraceError} USAGE */
export function parseLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1) return limit;
  throw new MillraceError("USAGE", `--limit: expected an integer from 1, got '${text}'`);
}

/** The run of that id; `latest` is the newest. @throws {MillraceError} DAG_NOT_FOUND, DAG_RUN_NOT_FOUND */
export async function getRun(client: ApiClient, dag: string, run: string): Promise<DagRunBody> {
  if (run !== "latest") return client.get<DagRunBody>(apiPath`/dags/${dag}/dagRuns/${run}`);
  const { dag_runs } = await client.get<{ dag_runs: DagRunBody[] }>(apiPath`/dags/${dag}/dagRuns`, { order_by: "-id", limit: 1 });
  const [latest] = dag_runs;
  if (latest === undefined)
    throw new MillraceError("DAG_RUN_NOT_FOUND", `DAG '${dag}' has no runs yet`, {
      hint: `start one with \`millrace dags trigger ${dag}\``,
    });
  return latest;
}
