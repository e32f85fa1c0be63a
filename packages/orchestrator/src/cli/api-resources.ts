/** What the commands read of the API's answers (api/resources has all of it). */

export interface DagBody {
  readonly dag_id: string;
  readonly is_paused: boolean;
  readonly is_stale: boolean;
  readonly has_import_errors: boolean;
  readonly timetable_summary: string | null;
  readonly relative_fileloc: string | null;
  readonly fileloc: string;
  readonly description: string | null;
  readonly tags: readonly { readonly name: string }[];
  readonly held: { readonly events: number; readonly since: string; readonly reason: string } | null;
}

export interface DagDetailsBody extends DagBody {
  readonly schedule: { readonly kind: string; readonly text: string; readonly assets: readonly string[] };
  readonly max_active_runs: number | null;
  readonly active_runs_count: number;
  readonly latest_dag_version: { readonly version_number: number; readonly created_at: string } | null;
}

export interface TaskBody {
  readonly task_id: string;
  readonly retries: number;
  readonly needs: readonly { readonly name: string; readonly task_id: string }[];
  readonly after: readonly string[];
  readonly outlets: readonly string[];
}

export interface WatcherBody {
  readonly asset_name: string;
  readonly name: string;
  readonly trigger_id: number;
  readonly kind: string;
  readonly connection_id: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly group: string;
  readonly where: string | null;
  readonly health: {
    readonly state: string;
    readonly paused_since: string | null;
    readonly waits_for: readonly string[];
    readonly last_error: string | null;
    readonly last_message_at: string | null;
    readonly messages: number;
    readonly lag: number | null;
    readonly reconnects: number;
    readonly processes: readonly number[];
  } | null;
}

export interface ImportErrorBody {
  readonly filename: string;
  readonly code: string;
  readonly message: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly hint: string;
}

export interface DagRunBody {
  readonly dag_id: string;
  readonly dag_run_id: string;
  readonly state: string;
  readonly run_type: string;
  readonly run_after: string;
  readonly start_date: string | null;
  readonly end_date: string | null;
  readonly duration: number | null;
  readonly conf: Readonly<Record<string, unknown>> | null;
  readonly error: string | null;
  readonly rescues: number;
}

export interface TaskInstanceBody {
  readonly task_id: string;
  readonly state: string | null;
  readonly try_number: number;
  readonly max_tries: number;
  readonly start_date: string | null;
  readonly duration: number | null;
  readonly map_index: number;
  readonly error: { readonly name: string; readonly message: string; readonly stack: string } | null;
}

export interface AssetEventBody {
  readonly id: number;
  readonly name: string | null;
  readonly timestamp: string;
  readonly payload: unknown;
  readonly key: string | null;
  readonly source_dag_id: string | null;
  readonly source_task_id: string | null;
  readonly source_run_id: string | null;
  readonly created_dagruns: readonly { readonly run_id: string; readonly dag_id: string; readonly state: string }[];
  readonly message: {
    readonly source: string | null;
    readonly partition: string | null;
    readonly offset: number | null;
    readonly message_id: string | null;
  } | null;
}

export interface DecisionBody {
  readonly dag_id: string;
  readonly replay_id: number | null;
  readonly decided_at: string;
  readonly decision: string;
  readonly reason: string | null;
  readonly where: string | null;
  readonly dag_run_id: string | null;
  readonly dag_run_state: string | null;
  readonly until: string | null;
}

export interface LogPageBody {
  readonly content: readonly { readonly timestamp: string; readonly event: string; readonly level: string }[];
  readonly continuation_token: string | null;
}

export interface ProcessBody {
  readonly process_id: number;
  readonly roles: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly state: string;
  readonly started_at: string;
  readonly heartbeat_age_seconds: number;
  readonly shards: number;
  readonly load: number;
  readonly version: string | null;
  readonly workers: number;
  readonly triggers: number;
}

export interface WorkerBody {
  readonly worker_id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly state: string;
  readonly since: string;
  readonly slots: number;
  readonly running: number;
  readonly last_heartbeat: string | null;
  readonly reason: string | null;
}
