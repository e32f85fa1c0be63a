// One row type per table, column for column as in metadata-db/*/migrations; what reads through Kysely is typed by these.

export interface MetaTable {
  key: string;
  value: string;
}

export interface CommitCounterTable {
  id: number;
  number: number;
}

export interface ProcessTable {
  id: number;
  roles: string;
  state: string;
  host: string;
  pid: number;
  heartbeat: number;
  address: string | null;
  load: number;
  full_triggers: string;
  commits: number;
  started_at: number;
}

export interface ProcessStatusTable {
  process_id: number;
  status: string;
  at: number;
}

export interface DagTable {
  id: number;
  dag_id: string;
  file: string;
  version_id: number;
  is_paused: number;
  is_stale: number;
  shard: number;
  created_at: number;
  loaded_at: number;
}

export interface DagVersionTable {
  id: number;
  dag: number;
  number: number;
  hash: string;
  bundle_hash: string;
  source_path: string;
  snapshot: Uint8Array;
  created_at: number;
  retired_at: number | null;
}

export interface AssetTable {
  id: number;
  name: string;
  uri: string | null;
  group_name: string | null;
  description: string | null;
  extra: Uint8Array;
  schema: Uint8Array | null;
  is_stale: number;
  created_at: number;
  updated_at: number;
}

export interface TriggerTable {
  id: number;
  kind: string;
  connection: string;
  canonical: string;
  params: Uint8Array;
  created_at: number;
}

export interface TriggerKindTable {
  kind: string;
  file: string;
  bundle_hash: string;
  source_path: string;
}

export interface AssetWatcherTable {
  id: number;
  asset_id: number;
  name: string;
  unwrap: Uint8Array;
  where_text: string | null;
  payload: string | null;
  is_stale: number;
  created_at: number;
}

export interface WatcherTriggerTable {
  id: number;
  watcher_id: number;
  trigger_id: number;
  group_name: string;
  is_stale: number;
}

export interface ImportErrorTable {
  id: number;
  file: string;
  code: string;
  message: string;
  line: number | null;
  column_number: number | null;
  hint: string;
  stack: string;
  created_at: number;
}

export interface SourceTable {
  id: number;
  name: string;
}

export interface SourcePositionTable {
  source_id: number;
  partition: string;
  next_offset: number;
}

export interface SourceCursorTable {
  source_id: number;
  cursor: Uint8Array;
}

export interface MessageSeenTable {
  hash: Uint8Array;
  at: number;
}

export interface AssetEventTable {
  id: number;
  asset_id: number;
  trigger_id: number | null;
  source_id: number | null;
  partition: string | null;
  message_offset: number | null;
  message_id: string | null;
  run_id: number | null;
  task_index: number | null;
  map_index: number | null;
  payload: Uint8Array;
  message_key: Uint8Array | null;
  headers: Uint8Array | null;
  extra: Uint8Array | null;
  partition_key: string | null;
  sent_at: number | null;
  created_at: number;
  decisions: Uint8Array;
}

export interface EventDecisionTable {
  event_id: number;
  dag: number;
  replay_id: number;
  code: number;
  run_id: number | null;
  reason: string | null;
  until: number | null;
  at: number;
}

export interface PatternEventTable {
  id: number;
  shard: number;
  dag: number;
  event_id: number;
  replay_id: number;
  created_at: number;
  taken: string | null;
}

export interface PatternStateTable {
  dag: number;
  key: string;
  state: Uint8Array;
  due_at: number | null;
}

export interface ShardTable {
  id: number;
  owner_id: number | null;
  epoch: number;
}

export interface TriggerLeaseTable {
  trigger_id: number;
  owner_id: number | null;
  epoch: number;
}

export interface IngestCountTable {
  trigger_id: number;
  minute: number;
  reason: string;
  process_id: number;
  n: number;
  samples: string;
}

export interface DeadLetterTable {
  id: number;
  asset_id: number | null;
  trigger_id: number | null;
  source_id: number | null;
  partition: string | null;
  message_offset: number | null;
  message_id: string | null;
  value: Uint8Array | null;
  message_key: Uint8Array | null;
  headers: Uint8Array | null;
  reason_code: string;
  reason: string;
  created_at: number;
}

export interface DagRunTable {
  id: number;
  dag: number;
  version_id: number;
  state: number;
  run_type: number;
  event_id: number | null;
  trigger_id: number | null;
  owner_id: number;
  is_adopted: number;
  logical_date: number | null;
  part: string;
  params: Uint8Array | null;
  custom_run_id: string | null;
  rescues: number;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  error: string | null;
}

export interface DagRunEventTable {
  run_id: number;
  event_id: number;
  leg: number;
}

export interface TaskInstanceTable {
  run_id: number;
  task_index: number;
  map_index: number;
  state: number;
  try: number;
  queued_at: number | null;
  started_at: number | null;
  ended_at: number | null;
  due_at: number | null;
  value: Uint8Array | null;
  error: Uint8Array | null;
  worker_lost: number;
}

export interface TaskTryTable {
  run_id: number;
  task_index: number;
  map_index: number;
  try: number;
  state: number;
  started_at: number | null;
  ended_at: number | null;
  error: Uint8Array | null;
}

export interface XcomTable {
  run_id: number;
  task_index: number;
  map_index: number;
  key: string;
  value: Uint8Array;
}

export interface TaskLogTable {
  run_id: number;
  task_index: number;
  map_index: number;
  try: number;
  seq: number;
  chunk: Uint8Array;
}

export interface OutboxMessageTable {
  id: number;
  run_id: number;
  task_index: number;
  map_index: number;
  kind: string;
  connection: string;
  params: Uint8Array;
  options: Uint8Array;
  body: Uint8Array;
  owner_id: number;
  state: number;
  attempts: number;
  last_error: string | null;
  created_at: number;
  sent_at: number | null;
}

export interface ConnectionTable {
  id: string;
  conn_type: string;
  secret: Uint8Array;
  description: string | null;
  updated_at: number;
}

export interface VariableTable {
  key: string;
  secret: Uint8Array;
  description: string | null;
  updated_at: number;
}

export interface PoolTable {
  name: string;
  slots: number;
  description: string | null;
}

export interface UserAccountTable {
  name: string;
  password_hash: string;
  role: string;
  created_at: number;
}

export interface ApiTokenTable {
  hash: Uint8Array;
  user_name: string;
  created_at: number;
  expires_at: number;
}

export interface AuditLogTable {
  id: number;
  at: number;
  user_name: string | null;
  action: string;
  subject: string;
  detail: Uint8Array | null;
}

export interface Database {
  meta: MetaTable;
  commit_counter: CommitCounterTable;
  process: ProcessTable;
  process_status: ProcessStatusTable;
  dag: DagTable;
  dag_version: DagVersionTable;
  asset: AssetTable;
  trigger: TriggerTable;
  trigger_kind: TriggerKindTable;
  asset_watcher: AssetWatcherTable;
  watcher_trigger: WatcherTriggerTable;
  import_error: ImportErrorTable;
  source: SourceTable;
  source_position: SourcePositionTable;
  source_cursor: SourceCursorTable;
  message_seen: MessageSeenTable;
  asset_event: AssetEventTable;
  event_decision: EventDecisionTable;
  pattern_event: PatternEventTable;
  pattern_state: PatternStateTable;
  shard: ShardTable;
  trigger_lease: TriggerLeaseTable;
  ingest_count: IngestCountTable;
  dead_letter: DeadLetterTable;
  dag_run: DagRunTable;
  dag_run_event: DagRunEventTable;
  task_instance: TaskInstanceTable;
  task_try: TaskTryTable;
  xcom: XcomTable;
  task_log: TaskLogTable;
  outbox_message: OutboxMessageTable;
  connection: ConnectionTable;
  variable: VariableTable;
  pool: PoolTable;
  user_account: UserAccountTable;
  api_token: ApiTokenTable;
  audit_log: AuditLogTable;
}
