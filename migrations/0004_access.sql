-- Access keys, and whose the projects are.

CREATE TABLE access_keys (
  id TEXT NOT NULL PRIMARY KEY,
  -- Whose key it is: everything that is made with it belongs to this name.
  owner TEXT NOT NULL,
  -- SHA-256 of the key; the key itself is nowhere.
  hash BLOB NOT NULL UNIQUE,
  -- How the key begins, by which people tell one from another.
  prefix TEXT NOT NULL,
  -- Some of read, write, execute, admin, with commas between.
  scopes TEXT NOT NULL,
  -- Most requests, and most US dollars for models, of one UTC day; NULL for any.
  daily_requests INTEGER,
  daily_cost_usd REAL,
  expires_at TEXT,
  -- A key that is taken back keeps its row: a daemon that had keys once stays closed.
  revoked_at TEXT,
  last_used_at TEXT,
  created_at TEXT NOT NULL
) STRICT;

-- Requests of a key on one UTC day.
CREATE TABLE access_key_days (
  key_id TEXT NOT NULL REFERENCES access_keys ON DELETE CASCADE,
  day TEXT NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;

-- NULL for what the local user made while there were no keys; sessions, diffs, tests and all the rest are their
-- project's owner's.
ALTER TABLE projects ADD COLUMN owner TEXT;

-- The key by which the work of a message was asked for, to whose daily limit its cost counts.
ALTER TABLE message_runs ADD COLUMN key_id TEXT REFERENCES access_keys ON DELETE SET NULL;
CREATE INDEX message_runs_by_key ON message_runs (key_id, created_at) WHERE key_id IS NOT NULL;

-- Counts the changes of keys and owners, so that a daemon sees those that another process makes.
CREATE TABLE access_version (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL
) STRICT;
INSERT INTO access_version (id, version) VALUES (1, 1);

CREATE TRIGGER access_keys_inserted AFTER INSERT ON access_keys BEGIN
  UPDATE access_version SET version = version + 1;
END;
CREATE TRIGGER access_keys_deleted AFTER DELETE ON access_keys BEGIN
  UPDATE access_version SET version = version + 1;
END;
CREATE TRIGGER access_keys_changed AFTER UPDATE OF
  owner, hash, scopes, daily_requests, daily_cost_usd, expires_at, revoked_at ON access_keys BEGIN
  UPDATE access_version SET version = version + 1;
END;
CREATE TRIGGER projects_owner_changed AFTER UPDATE OF owner ON projects WHEN new.owner IS NOT old.owner BEGIN
  UPDATE access_version SET version = version + 1;
END;
