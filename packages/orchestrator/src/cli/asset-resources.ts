/** What the commands read of the API's answers about assets, dead letters and xcoms. */

interface AssetUse {
  readonly dag_id: string;
  readonly task_id?: string;
}

export interface AssetBody {
  readonly id: number;
  readonly name: string;
  readonly uri: string;
  readonly group: string;
  readonly description: string | null;
  readonly extra: Readonly<Record<string, unknown>> | null;
  readonly schema: Readonly<Record<string, unknown>> | null;
  readonly scheduled_dags: readonly AssetUse[];
  readonly producing_tasks: readonly AssetUse[];
  readonly consuming_tasks: readonly AssetUse[];
  readonly watchers: readonly { readonly name: string }[];
  readonly last_asset_event: { readonly id: number | null; readonly timestamp: string | null } | null;
}

export interface QueuedEventBody {
  readonly dag_id: string;
  readonly asset_id: number;
  readonly created_at: string;
  readonly count: number;
}

export interface DeadLetterBody {
  readonly id: number;
  readonly asset_name: string | null;
  readonly source: string | null;
  readonly partition: string | null;
  readonly offset: number | null;
  readonly message_id: string | null;
  readonly value: string | null;
  readonly value_encoding: string;
  readonly key: string | null;
  readonly headers: readonly (readonly [string, string])[];
  readonly reason_code: string;
  readonly reason: string;
  readonly timestamp: string;
}

export interface ReplayBody {
  readonly dry_run: boolean;
  readonly replayed: number;
  readonly dropped: number;
  readonly kept: number;
  readonly gone: number;
  readonly asset_events: number;
  readonly dag_runs: number;
  readonly dead_letters: readonly { readonly id: number; readonly outcome: string; readonly reason: string | null }[];
  readonly next_after_id: number | null;
}

export interface ReplayedForDagBody {
  readonly dag_id: string;
  readonly events: number;
  readonly with_run: number;
  readonly filtered: number;
  readonly repeated: number;
  readonly not_subscribed: number;
}

export interface EventReplayBody {
  readonly replay_id: number;
  readonly dry_run: boolean;
  readonly looked_at: number;
  /** In the first answer only. */
  readonly total: number | null;
  readonly selected: number;
  readonly failed: number;
  readonly failure: string | null;
  readonly of_one_run: number;
  readonly dags: readonly ReplayedForDagBody[];
  readonly waits_for: readonly { readonly dag_id: string; readonly events: number; readonly is_paused: boolean }[];
  readonly next_after_id: number | null;
}

export interface DiscardBody {
  readonly discarded: number;
  readonly next_after_id: number | null;
}

export interface XcomBody {
  readonly key: string;
  readonly task_id: string;
  readonly map_index: number;
  readonly timestamp: string;
}
