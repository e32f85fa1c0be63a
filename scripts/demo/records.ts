// What the demo reads over REST: the fields it uses of Airflow's resources, and of ours.
import type { MillraceServer } from "./server.ts";

export interface AssetEvent {
  readonly id: number;
  readonly asset_id: number;
  readonly timestamp: string;
  readonly name: string;
  readonly payload: unknown;
  readonly created_dagruns: readonly { readonly run_id: string; readonly state: string }[];
}

export interface DagRun {
  readonly dag_id: string;
  readonly dag_run_id: string;
  readonly state: "queued" | "running" | "success" | "failed";
  readonly start_date: string | null;
  readonly end_date: string | null;
  readonly asset_event_id: number | null;
  readonly error: string | null;
}

export interface TaskInstance {
  readonly dag_run_id: string;
  readonly state: string | null;
  readonly error: { readonly name: string; readonly message: string } | null;
  readonly start_date: string | null;
}

export interface DeadLetter {
  readonly id: number;
  readonly asset_id: number | null;
  readonly timestamp: string;
  readonly value: string | null;
  readonly reason: string;
}

export interface Decision {
  readonly dag_id: string;
  readonly decision: string;
  readonly reason: string | null;
}

const PAGE = 1_000;

/** Every row of a list, oldest first. */
export async function listAll<Row>(server: MillraceServer, path: string, field: string): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const page = await server.get<Record<string, readonly Row[]>>(`${path}?order_by=id&limit=${PAGE}&offset=${rows.length}`);
    rows.push(...page[field]!);
    if (page[field]!.length < PAGE) return rows;
  }
}

/** One task's instances in all runs of a DAG, which go on by cursor. */
export async function listTaskInstances(server: MillraceServer, dagId: string, taskId: string): Promise<readonly TaskInstance[]> {
  const rows: TaskInstance[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    type Page = { task_instances: readonly TaskInstance[]; next_cursor: string | null };
    const query = `task_id=${taskId}&order_by=id&limit=${PAGE}&cursor=${cursor}`;
    const page: Page = await server.get<Page>(`/dags/${dagId}/dagRuns/~/taskInstances?${query}`);
    rows.push(...page.task_instances);
    cursor = page.next_cursor;
  }
  return rows;
}

/** What the failed task of a run said. */
export async function failureOf(server: MillraceServer, { dag_id: dag, dag_run_id: run, error }: DagRun): Promise<string> {
  type Page = { task_instances: readonly TaskInstance[] };
  const { task_instances: tasks } = await server.get<Page>(`/dags/${dag}/dagRuns/${encodeURIComponent(run)}/taskInstances`);
  return tasks.find(({ state }) => state === "failed")?.error?.message ?? error ?? "";
}

export async function listDecisions(server: MillraceServer, eventId: number): Promise<readonly Decision[]> {
  return (await server.get<{ decisions: readonly Decision[] }>(`/assets/events/${eventId}/decisions`)).decisions;
}

/** How many rows a list has. */
export async function count(server: MillraceServer, path: string, filter = ""): Promise<number> {
  return (await server.get<{ total_entries: number }>(`${path}?limit=0${filter}`)).total_entries;
}
