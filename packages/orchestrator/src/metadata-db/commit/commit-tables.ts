/** What a parameter of PostgreSQL is declared as; SQLite needs none. */
export type ColumnType = "bigint" | "integer" | "text" | "bytea";

/** One statement of a commit, for any number of rows. */
export interface RowStatement {
  readonly kind: "insert" | "update" | "delete";
  readonly table: string;
  /** In the order of a row's values; of an update, the key comes last. */
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Columns that an update finds its row by; they are the last ones. */
  readonly keys: readonly string[];
  /** After the rows of an insert. */
  readonly onConflict: string;
  /** Set by an update to an expression rather than to a value; `t` is the row. */
  readonly computed: Readonly<Record<string, string>>;
}

function insert(table: string, columns: RowStatement["columns"], onConflict = ""): RowStatement {
  return { kind: "insert", table, columns, keys: [], onConflict, computed: {} };
}

function update(
  table: string,
  columns: RowStatement["columns"],
  keys: readonly string[],
  computed: RowStatement["computed"] = {},
): RowStatement {
  return { kind: "update", table, columns, keys, onConflict: "", computed };
}

function remove(table: string): RowStatement {
  return { kind: "delete", table, columns: { id: "bigint" }, keys: ["id"], onConflict: "", computed: {} };
}

const TASK_KEY = { run_id: "bigint", task_index: "integer", map_index: "integer" } as const;
const MESSAGE = { source_id: "bigint", partition: "text", message_offset: "bigint", message_id: "text" } as const;

/** Everything that a commit writes but the steps of the purge, in the order it is written. */
export const COMMIT_STATEMENTS = {
  assetEvents: insert("asset_event", {
    id: "bigint",
    asset_id: "bigint",
    trigger_id: "bigint",
    ...MESSAGE,
    ...TASK_KEY,
    payload: "bytea",
    message_key: "bytea",
    headers: "bytea",
    extra: "bytea",
    partition_key: "text",
    sent_at: "bigint",
    created_at: "bigint",
    decisions: "bytea",
  }),
  dagRuns: insert("dag_run", {
    id: "bigint",
    dag: "bigint",
    version_id: "bigint",
    state: "integer",
    run_type: "integer",
    event_id: "bigint",
    trigger_id: "bigint",
    owner_id: "bigint",
    logical_date: "bigint",
    part: "text",
    params: "bytea",
    custom_run_id: "text",
    created_at: "bigint",
  }),
  dagRunEvents: insert("dag_run_event", { run_id: "bigint", event_id: "bigint", leg: "integer" }),
  inboxRows: insert("pattern_event", {
    id: "bigint",
    shard: "integer",
    dag: "bigint",
    event_id: "bigint",
    replay_id: "bigint",
    created_at: "bigint",
  }),
  deadLetters: insert("dead_letter", {
    id: "bigint",
    asset_id: "bigint",
    trigger_id: "bigint",
    ...MESSAGE,
    value: "bytea",
    message_key: "bytea",
    headers: "bytea",
    reason_code: "text",
    reason: "text",
    created_at: "bigint",
  }),
  positions: insert(
    "source_position",
    { source_id: "bigint", partition: "text", next_offset: "bigint" },
    "ON CONFLICT (source_id, partition) DO UPDATE SET next_offset = excluded.next_offset",
  ),
  startPositions: insert(
    "source_position",
    { source_id: "bigint", partition: "text", next_offset: "bigint" },
    "ON CONFLICT (source_id, partition) DO NOTHING",
  ),
  cursors: insert(
    "source_cursor",
    { source_id: "bigint", cursor: "bytea" },
    "ON CONFLICT (source_id) DO UPDATE SET cursor = excluded.cursor",
  ),
  ingestCounts: insert(
    "ingest_count",
    { trigger_id: "bigint", minute: "bigint", reason: "text", process_id: "bigint", n: "bigint", samples: "text" },
    `ON CONFLICT (trigger_id, minute, reason, process_id) DO UPDATE SET n = ingest_count.n + excluded.n, samples = excluded.samples`,
  ),
  taskInstances: insert(
    "task_instance",
    {
      ...TASK_KEY,
      state: "integer",
      try: "integer",
      queued_at: "bigint",
      started_at: "bigint",
      ended_at: "bigint",
      due_at: "bigint",
      value: "bytea",
      error: "bytea",
      worker_lost: "integer",
    },
    `ON CONFLICT (run_id, task_index, map_index) DO UPDATE SET
      state = excluded.state, try = excluded.try, queued_at = excluded.queued_at, started_at = excluded.started_at,
      ended_at = excluded.ended_at, due_at = excluded.due_at, value = excluded.value, error = excluded.error,
      worker_lost = excluded.worker_lost`,
  ),
  tries: insert(
    "task_try",
    { ...TASK_KEY, try: "integer", state: "integer", started_at: "bigint", ended_at: "bigint", error: "bytea" },
    "ON CONFLICT DO NOTHING",
  ),
  logs: insert("task_log", { ...TASK_KEY, try: "integer", seq: "integer", chunk: "bytea" }, "ON CONFLICT DO NOTHING"),
  outboxMessages: insert("outbox_message", {
    id: "bigint",
    ...TASK_KEY,
    kind: "text",
    connection: "text",
    params: "bytea",
    options: "bytea",
    body: "bytea",
    owner_id: "bigint",
    state: "integer",
    created_at: "bigint",
  }),
  outboxOutcomes: update("outbox_message", { state: "integer", last_error: "text", sent_at: "bigint", id: "bigint" }, ["id"], {
    attempts: "t.attempts + 1",
  }),
  runUpdates: update(
    "dag_run",
    { state: "integer", started_at: "bigint", ended_at: "bigint", rescues: "integer", error: "text", id: "bigint" },
    ["id"],
  ),
  eventDecisions: insert(
    "event_decision",
    { event_id: "bigint", dag: "bigint", replay_id: "bigint", code: "integer", run_id: "bigint", reason: "text", at: "bigint" },
    `ON CONFLICT (event_id, dag, replay_id) DO UPDATE SET
      code = excluded.code, run_id = excluded.run_id, reason = excluded.reason, at = excluded.at`,
  ),
  inboxTaken: update("pattern_event", { taken: "text", id: "bigint" }, ["id"]),
  inboxRemoved: remove("pattern_event"),
  patternStates: insert(
    "pattern_state",
    { dag: "bigint", key: "text", state: "bytea" },
    "ON CONFLICT (dag, key) DO UPDATE SET state = excluded.state",
  ),
  deadLettersKept: update("dead_letter", { reason_code: "text", reason: "text", id: "bigint" }, ["id"]),
  deadLettersRemoved: remove("dead_letter"),
} as const satisfies Readonly<Record<string, RowStatement>>;

export type CommitStatementName = keyof typeof COMMIT_STATEMENTS;
export const COMMIT_STATEMENT_NAMES = Object.keys(COMMIT_STATEMENTS) as readonly CommitStatementName[];
