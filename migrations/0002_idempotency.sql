-- What was answered to POST requests that carried an Idempotency-Key.

CREATE TABLE idempotency_keys (
  -- The method and path of the request: keys of different operations have nothing to do with each other.
  operation TEXT NOT NULL,
  key TEXT NOT NULL,
  -- SHA-256 of the body as it was understood, hexadecimal.
  body_hash TEXT NOT NULL,
  -- A row that is running when the daemon starts becomes interrupted: nobody knows how far its work came.
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'interrupted')),
  status INTEGER,
  -- JSON object of the answer's fields.
  fields TEXT,
  body BLOB,
  created_at TEXT NOT NULL,
  PRIMARY KEY (operation, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);
