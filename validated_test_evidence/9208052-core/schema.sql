CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
CREATE TABLE projects (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  slug TEXT NOT NULL UNIQUE,
  repository_path TEXT NOT NULL,
  current_code TEXT,
  current_commit TEXT,
  current_branch TEXT NOT NULL DEFAULT 'main',
  -- A project is seen only while it is ready; what is creating or deleting at a start is cleared away.
  state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE TABLE vibecode_sessions (
  id TEXT NOT NULL PRIMARY KEY,
  project_id TEXT NOT NULL REFERENCES projects ON DELETE CASCADE,
  openai_session_key TEXT NOT NULL UNIQUE,
  conversations_db_path TEXT NOT NULL,
  session_type TEXT NOT NULL CHECK (session_type IN ('global', 'node', 'vibecode')),
  node_id TEXT,
  forked_from TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX vibecode_sessions_by_project ON vibecode_sessions (project_id);
CREATE TABLE diffs (
  id TEXT NOT NULL PRIMARY KEY,
  session_id TEXT REFERENCES vibecode_sessions ON DELETE SET NULL,
  project_id TEXT NOT NULL REFERENCES projects ON DELETE CASCADE,
  base_commit TEXT NOT NULL,
  target_branch TEXT NOT NULL,
  diff_content TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('evaluator_approved', 'human_approved', 'human_rejected', 'committed')),
  -- The tree that the diff proposes, kept from collection by refs/proposals/<id>.
  proposal_tree TEXT NOT NULL,
  merge_status TEXT NOT NULL CHECK (merge_status IN ('clean', 'conflicting', 'applied')),
  merge_conflicts TEXT NOT NULL DEFAULT '[]',
  test_results TEXT,
  tests_run_at TEXT,
  tested_tree TEXT,
  vibecoder_prompt TEXT NOT NULL,
  evaluator_reasoning TEXT NOT NULL,
  commit_message TEXT NOT NULL,
  human_feedback TEXT,
  -- The commit that is about to become the branch's head: written before the branch moves, see the start-up repair.
  committing_sha TEXT,
  committed_sha TEXT,
  parent_diff_id TEXT,
  trace_id TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX diffs_by_project ON diffs (project_id, created_at);
CREATE INDEX diffs_by_session ON diffs (session_id, created_at);
CREATE TABLE conversation_messages (
  id TEXT NOT NULL PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES vibecode_sessions ON DELETE CASCADE,
  -- The user's message that this one belongs to; a user's message names itself.
  request_id TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
  message_type TEXT NOT NULL CHECK (message_type IN ('user_input', 'run_result', 'stream_event')),
  agent TEXT,
  input TEXT,
  new_items TEXT,
  final_output TEXT,
  final_output_typed TEXT,
  last_agent TEXT,
  tool_calls TEXT,
  tool_outputs TEXT,
  handoffs TEXT,
  usage_input_tokens INTEGER,
  usage_output_tokens INTEGER,
  usage_total_tokens INTEGER,
  usage_cached_tokens INTEGER,
  usage_reasoning_tokens INTEGER,
  stream_event_type TEXT,
  stream_sequence INTEGER,
  event_data TEXT,
  content TEXT,
  iteration INTEGER,
  openai_response TEXT,
  token_usage TEXT,
  diff_id TEXT REFERENCES diffs ON DELETE SET NULL,
  last_response_id TEXT,
  trace_id TEXT,
  model TEXT,
  cost_usd REAL,
  latency_ms INTEGER,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX conversation_messages_by_session ON conversation_messages (session_id, created_at);
CREATE INDEX conversation_messages_by_request ON conversation_messages (request_id);
CREATE TABLE message_runs (
  message_id TEXT NOT NULL PRIMARY KEY REFERENCES conversation_messages ON DELETE CASCADE,
  session_id TEXT NOT NULL REFERENCES vibecode_sessions ON DELETE CASCADE,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
  attempts INTEGER NOT NULL DEFAULT 0,
  prompt TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  parent_diff_id TEXT,
  -- The answer of POST /sessions/{id}/messages.
  result TEXT,
  -- Items that the agents must remember, not yet in the conversation's own file.
  memory TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX message_runs_by_session ON message_runs (session_id, created_at);
CREATE INDEX message_runs_open ON message_runs (state) WHERE state IN ('queued', 'running') OR memory IS NOT NULL;
CREATE TABLE test_cases (
  id TEXT NOT NULL PRIMARY KEY,
  project_id TEXT NOT NULL REFERENCES projects ON DELETE CASCADE,
  name TEXT NOT NULL,
  code TEXT NOT NULL,
  quick_test INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX test_cases_by_project ON test_cases (project_id);
CREATE TABLE test_results (
  id TEXT NOT NULL PRIMARY KEY,
  test_case_id TEXT NOT NULL REFERENCES test_cases ON DELETE CASCADE,
  status TEXT NOT NULL CHECK (status IN ('passed', 'failed', 'error', 'timeout')),
  output TEXT,
  error TEXT,
  execution_time_ms INTEGER,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX test_results_by_case ON test_results (test_case_id);
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  event TEXT NOT NULL,
  data TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE TABLE sqlite_sequence(name,seq);
CREATE TABLE event_topics (
  topic TEXT NOT NULL,
  seq INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
  PRIMARY KEY (topic, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_topics_by_seq ON event_topics (seq);
