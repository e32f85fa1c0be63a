-- Times are UTC ms, states and types the integers of domain/states.ts, payloads BLOB (JSON as it arrived).
-- Ids are commit number × 4096 + ordinal (domain/ids.ts). No foreign keys on hot tables.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- Overwritten in every commit: the number the next id is made of.
CREATE TABLE commit_counter (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL
);
INSERT INTO commit_counter VALUES (1, 1);

CREATE TABLE process (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  roles TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('live', 'dead')),
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  heartbeat INTEGER NOT NULL DEFAULT 0,
  -- Where workers of other machines connect, host:port; null for nowhere.
  address TEXT,
  -- Runs that it was given and has not started yet.
  load INTEGER NOT NULL DEFAULT 0,
  -- JSON array: triggers for whose messages it has no room.
  full_triggers TEXT NOT NULL DEFAULT '[]',
  -- Of PostgreSQL alone: number of its last commit.
  commits INTEGER NOT NULL DEFAULT 0,
  started_at INTEGER NOT NULL
);

-- What a process tells of itself to the others: its triggers, workers and what has no room. JSON.
CREATE TABLE process_status (
  process_id INTEGER PRIMARY KEY,
  status TEXT NOT NULL,
  at INTEGER NOT NULL
);

-- Definitions ------------------------------------------------------------------------------------------------------

CREATE TABLE dag (
  id INTEGER PRIMARY KEY,
  dag_id TEXT NOT NULL UNIQUE,
  file TEXT NOT NULL,
  version_id INTEGER NOT NULL,
  is_paused INTEGER NOT NULL DEFAULT 0,
  -- Its file is gone, or no longer exports it: no new runs.
  is_stale INTEGER NOT NULL DEFAULT 0,
  shard INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  loaded_at INTEGER NOT NULL
);

CREATE TABLE dag_version (
  id INTEGER PRIMARY KEY,
  dag INTEGER NOT NULL,
  number INTEGER NOT NULL,
  -- Of the bundle and of what it evaluated to: a changed environment value makes a new version.
  hash TEXT NOT NULL,
  bundle_hash TEXT NOT NULL,
  source_path TEXT NOT NULL,
  snapshot BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  -- When another took its place; null while it is in force.
  retired_at INTEGER,
  UNIQUE (dag, number),
  UNIQUE (dag, hash)
);

CREATE TABLE asset (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  uri TEXT,
  group_name TEXT,
  description TEXT,
  extra BLOB NOT NULL,
  schema BLOB,
  -- No loaded file defines it any more.
  is_stale INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);

CREATE TABLE trigger (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  connection TEXT NOT NULL,
  canonical TEXT NOT NULL,
  params BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (kind, connection, canonical)
);

-- Triggers that DAG files define, and the bundle that each is run from.
CREATE TABLE trigger_kind (
  kind TEXT PRIMARY KEY,
  file TEXT NOT NULL,
  bundle_hash TEXT NOT NULL,
  source_path TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE asset_watcher (
  id INTEGER PRIMARY KEY,
  asset_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  -- JSON list of what its messages are wrapped in, outermost first.
  unwrap BLOB NOT NULL,
  -- CEL; null where every message is taken.
  where_text TEXT,
  -- CEL; null where what was unwrapped is stored as it is.
  payload TEXT,
  is_stale INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  UNIQUE (asset_id, name)
);

CREATE TABLE watcher_trigger (
  id INTEGER PRIMARY KEY,
  watcher_id INTEGER NOT NULL,
  trigger_id INTEGER NOT NULL,
  -- The name of this watcher and trigger to the broker; kept over edits of the trigger's params.
  group_name TEXT NOT NULL,
  is_stale INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX watcher_trigger_by_watcher ON watcher_trigger (watcher_id);

CREATE TABLE import_error (
  id INTEGER PRIMARY KEY,
  file TEXT NOT NULL UNIQUE,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  line INTEGER,
  column_number INTEGER,
  hint TEXT NOT NULL,
  stack TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

-- Ingest -----------------------------------------------------------------------------------------------------------

CREATE TABLE source (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE source_position (
  source_id INTEGER NOT NULL,
  partition TEXT NOT NULL,
  next_offset INTEGER NOT NULL,
  PRIMARY KEY (source_id, partition)
) WITHOUT ROWID;

-- Of a trigger of a DAG file's own: where it goes on, as JSON.
CREATE TABLE source_cursor (
  source_id INTEGER PRIMARY KEY,
  cursor BLOB NOT NULL
);

-- First 16 bytes of SHA-256 of the source's name, a zero byte and the message's id.
CREATE TABLE message_seen (
  hash BLOB PRIMARY KEY,
  at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE asset_event (
  id INTEGER PRIMARY KEY,
  asset_id INTEGER NOT NULL,
  trigger_id INTEGER,
  source_id INTEGER,
  partition TEXT,
  message_offset INTEGER,
  message_id TEXT,
  -- The task that brought it, where no message did.
  run_id INTEGER,
  task_index INTEGER,
  map_index INTEGER,
  payload BLOB NOT NULL,
  message_key BLOB,
  headers BLOB,
  extra BLOB,
  partition_key TEXT,
  sent_at INTEGER,
  created_at INTEGER NOT NULL,
  -- JSON [[dagVersionId, code, runOrdinal | null, reason?] …] (domain/decision.ts); runOrdinal counts from this event's commit.
  decisions BLOB NOT NULL
);
CREATE INDEX asset_event_by_asset ON asset_event (asset_id, id);

-- Decisions made after ingest, and those of more than one event.
CREATE TABLE event_decision (
  event_id INTEGER NOT NULL,
  dag INTEGER NOT NULL,
  replay_id INTEGER NOT NULL DEFAULT 0,
  code INTEGER NOT NULL,
  run_id INTEGER,
  reason TEXT,
  until INTEGER,
  at INTEGER NOT NULL,
  PRIMARY KEY (event_id, dag, replay_id)
) WITHOUT ROWID;

-- The inbox: events whose DAG does not take them at ingest.
CREATE TABLE pattern_event (
  id INTEGER PRIMARY KEY,
  shard INTEGER NOT NULL,
  dag INTEGER NOT NULL,
  event_id INTEGER NOT NULL,
  replay_id INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  -- JSON array: the parts of the DAG's pattern that have started a run with it, while others wait. null for none.
  taken TEXT
);
CREATE INDEX pattern_event_by_shard ON pattern_event (shard, dag, id);
-- For the purge, which spares what waits.
CREATE INDEX pattern_event_by_event ON pattern_event (event_id);

-- A part of a pattern that runs by time has the key time:<part>.
CREATE TABLE pattern_state (
  dag INTEGER NOT NULL,
  key TEXT NOT NULL,
  state BLOB NOT NULL,
  due_at INTEGER,
  PRIMARY KEY (dag, key)
) WITHOUT ROWID;

CREATE TABLE shard (
  id INTEGER PRIMARY KEY,
  owner_id INTEGER,
  epoch INTEGER NOT NULL DEFAULT 0
);
INSERT INTO shard (id) WITH RECURSIVE n (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < 63) SELECT id FROM n;

-- Who has a trigger open that only one may have open at a time.
CREATE TABLE trigger_lease (
  trigger_id INTEGER PRIMARY KEY,
  owner_id INTEGER,
  epoch INTEGER NOT NULL DEFAULT 0
);

-- What made no event, per minute. A process adds to rows of its own, so that none waits for another.
CREATE TABLE ingest_count (
  trigger_id INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  reason TEXT NOT NULL,
  process_id INTEGER NOT NULL,
  n INTEGER NOT NULL,
  -- JSON array: the newest, at most 20, newest last.
  samples TEXT NOT NULL,
  PRIMARY KEY (trigger_id, minute, reason, process_id)
) WITHOUT ROWID;

CREATE TABLE dead_letter (
  id INTEGER PRIMARY KEY,
  asset_id INTEGER,
  trigger_id INTEGER,
  source_id INTEGER,
  partition TEXT,
  message_offset INTEGER,
  message_id TEXT,
  value BLOB,
  message_key BLOB,
  headers BLOB,
  reason_code TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

-- Runs -------------------------------------------------------------------------------------------------------------

CREATE TABLE dag_run (
  id INTEGER PRIMARY KEY,
  dag INTEGER NOT NULL,
  version_id INTEGER NOT NULL,
  state INTEGER NOT NULL,
  run_type INTEGER NOT NULL,
  -- Its single cause; several are in dag_run_event.
  event_id INTEGER,
  trigger_id INTEGER,
  owner_id INTEGER NOT NULL,
  -- Its first owner died with it.
  is_adopted INTEGER NOT NULL DEFAULT 0,
  logical_date INTEGER,
  -- Which part of the DAG's pattern started it (domain/pattern-parts.ts); empty where it has one only.
  part TEXT NOT NULL DEFAULT '',
  params BLOB,
  custom_run_id TEXT,
  rescues INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  error TEXT
);
CREATE INDEX dag_run_active ON dag_run (dag, id) WHERE state < 10;
CREATE INDEX dag_run_by_dag ON dag_run (dag, id);
CREATE UNIQUE INDEX dag_run_custom_id ON dag_run (dag, custom_run_id) WHERE custom_run_id IS NOT NULL;

CREATE TABLE dag_run_event (
  run_id INTEGER NOT NULL,
  event_id INTEGER NOT NULL,
  -- The leg of the pattern that it took.
  leg INTEGER NOT NULL,
  PRIMARY KEY (run_id, leg, event_id)
) WITHOUT ROWID;

-- The latest try of a task; written when it ends or has lasted a second. task_index counts in the run's dag version.
CREATE TABLE task_instance (
  run_id INTEGER NOT NULL,
  task_index INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  state INTEGER NOT NULL,
  try INTEGER NOT NULL,
  queued_at INTEGER,
  started_at INTEGER,
  ended_at INTEGER,
  -- When the next try may start, in state up_for_retry.
  due_at INTEGER,
  -- JSON; null where the task returned nothing.
  value BLOB,
  -- JSON {name, message, stack} of the last failed try.
  error BLOB,
  worker_lost INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX task_instance_key ON task_instance (run_id, task_index, map_index);
CREATE INDEX task_instance_active ON task_instance (state, run_id) WHERE state < 10;

-- Earlier tries.
CREATE TABLE task_try (
  run_id INTEGER NOT NULL,
  task_index INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  try INTEGER NOT NULL,
  state INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  error BLOB,
  PRIMARY KEY (run_id, task_index, map_index, try)
) WITHOUT ROWID;

-- Values under keys other than the return value's.
CREATE TABLE xcom (
  run_id INTEGER NOT NULL,
  task_index INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (run_id, task_index, map_index, key)
) WITHOUT ROWID;

-- NDJSON {t, level, msg, fields?, stream?}, at most 64 KiB a chunk.
CREATE TABLE task_log (
  run_id INTEGER NOT NULL,
  task_index INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  try INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  chunk BLOB NOT NULL
);
CREATE INDEX task_log_by_task ON task_log (run_id, task_index, map_index, try, seq);

CREATE TABLE outbox_message (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL,
  task_index INTEGER NOT NULL,
  map_index INTEGER NOT NULL,
  kind TEXT NOT NULL,
  connection TEXT NOT NULL,
  params BLOB NOT NULL,
  options BLOB NOT NULL,
  body BLOB NOT NULL,
  -- The process that publishes it.
  owner_id INTEGER NOT NULL,
  state INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  created_at INTEGER NOT NULL,
  sent_at INTEGER
);
CREATE INDEX outbox_message_pending ON outbox_message (id) WHERE state < 10;
CREATE INDEX outbox_message_by_run ON outbox_message (run_id);

-- Access -----------------------------------------------------------------------------------------------------------

CREATE TABLE connection (
  id TEXT PRIMARY KEY,
  conn_type TEXT NOT NULL,
  -- AES-256-GCM over the JSON of all fields: nonce, tag, ciphertext.
  secret BLOB NOT NULL,
  description TEXT,
  updated_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE variable (
  key TEXT PRIMARY KEY,
  secret BLOB NOT NULL,
  description TEXT,
  updated_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE pool (
  name TEXT PRIMARY KEY,
  slots INTEGER NOT NULL,
  description TEXT
) WITHOUT ROWID;

CREATE TABLE user_account (
  name TEXT PRIMARY KEY,
  -- scrypt$N$r$p$salt$hash, base64.
  password_hash TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_token (
  -- SHA-256 of the token.
  hash BLOB PRIMARY KEY,
  user_name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit_log (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  user_name TEXT,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail BLOB
);
