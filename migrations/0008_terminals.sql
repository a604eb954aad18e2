-- Terminals: a program each, in its project's work tree. None outlives the daemon; the row tells how it ended.

CREATE TABLE terminals (
  id TEXT NOT NULL PRIMARY KEY,
  project_id TEXT NOT NULL REFERENCES projects ON DELETE CASCADE,
  -- JSON array: the program and its arguments.
  command TEXT NOT NULL,
  columns INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  -- error: it could not be started.
  state TEXT NOT NULL CHECK (state IN ('running', 'exited', 'error')),
  exit_code INTEGER,
  signal INTEGER,
  -- Who ended it, or why it could not be started; NULL when it ended by itself.
  reason TEXT,
  -- Bytes that it had written at its end.
  written_bytes INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  ended_at TEXT
) STRICT;

CREATE INDEX terminals_by_project ON terminals (project_id);
