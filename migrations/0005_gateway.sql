-- Calls of models with what they used and cost, the budgets that hold them, and the tokens of the gateway.
-- Costs are whole nanodollars: a thousand million are one US dollar.

CREATE TABLE model_calls (
  id TEXT NOT NULL PRIMARY KEY,
  -- A call that is open when the daemon starts was cut short by the end of the last one. 'unreported' was answered
  -- without its usage being told to the end, and costs what was reserved for it.
  status TEXT NOT NULL CHECK (status IN ('open', 'completed', 'failed', 'unreported', 'interrupted')),
  provider TEXT NOT NULL CHECK (provider IN ('openai', 'anthropic', 'gemini')),
  model TEXT NOT NULL,
  source TEXT NOT NULL CHECK (source IN ('agent', 'gateway')),
  -- Whom the call was made for. No foreign keys: what was spent stays known when they are gone.
  project_id TEXT,
  session_id TEXT,
  message_id TEXT,
  run_id TEXT,
  job_id TEXT,
  key_id TEXT,
  token_id TEXT,
  -- The worst case that is held in the budgets while the call is open.
  reserved_cost INTEGER NOT NULL DEFAULT 0,
  reserved_tokens INTEGER NOT NULL DEFAULT 0,
  input_tokens INTEGER NOT NULL DEFAULT 0,
  cached_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  reasoning_tokens INTEGER NOT NULL DEFAULT 0,
  -- NULL for a model without a price.
  cost INTEGER,
  http_status INTEGER,
  latency_ms INTEGER,
  started_at TEXT NOT NULL,
  ended_at TEXT
) STRICT;

CREATE INDEX model_calls_by_time ON model_calls (started_at);
CREATE INDEX model_calls_by_session ON model_calls (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX model_calls_by_run ON model_calls (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX model_calls_by_job ON model_calls (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX model_calls_by_key ON model_calls (key_id, started_at) WHERE key_id IS NOT NULL;
CREATE INDEX model_calls_by_token ON model_calls (token_id) WHERE token_id IS NOT NULL;
CREATE INDEX model_calls_open ON model_calls (status) WHERE status = 'open';

-- What a session, run, job, key or token may spend, and what it has spent since it exists.
CREATE TABLE budgets (
  scope TEXT NOT NULL CHECK (scope IN ('session', 'run', 'job', 'key', 'token')),
  scope_id TEXT NOT NULL,
  max_cost INTEGER CHECK (max_cost >= 0),
  max_tokens INTEGER CHECK (max_tokens >= 0),
  -- Whether models without a price may be called although the cost is limited.
  allows_unpriced INTEGER NOT NULL DEFAULT 0,
  spent_cost INTEGER NOT NULL DEFAULT 0,
  spent_tokens INTEGER NOT NULL DEFAULT 0,
  reserved_cost INTEGER NOT NULL DEFAULT 0,
  reserved_tokens INTEGER NOT NULL DEFAULT 0,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (scope, scope_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER budgets_of_sessions AFTER DELETE ON vibecode_sessions BEGIN
  DELETE FROM budgets WHERE scope = 'session' AND scope_id = OLD.id;
END;

-- Short-lived tokens by which programs in sandboxes reach models; what they present is never stored.
CREATE TABLE gateway_tokens (
  id TEXT NOT NULL PRIMARY KEY,
  -- SHA-256 of the token, hexadecimal.
  token_hash TEXT NOT NULL UNIQUE,
  project_id TEXT REFERENCES projects ON DELETE CASCADE,
  session_id TEXT REFERENCES vibecode_sessions ON DELETE CASCADE,
  run_id TEXT,
  job_id TEXT,
  key_id TEXT,
  -- Whose it is, as with projects; NULL for the local user's.
  owner TEXT,
  expires_at TEXT NOT NULL,
  revoked_at TEXT,
  created_at TEXT NOT NULL
) STRICT;

CREATE INDEX gateway_tokens_by_expiry ON gateway_tokens (expires_at);

CREATE TRIGGER budgets_of_tokens AFTER DELETE ON gateway_tokens BEGIN
  DELETE FROM budgets WHERE scope = 'token' AND scope_id = OLD.id;
END;
