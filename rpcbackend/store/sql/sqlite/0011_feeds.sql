-- Calendars that other programs read (docs/adr/0054-feeds.md). Of a token only its hash is kept.

CREATE TABLE feeds (
  school_id    INTEGER NOT NULL,
  id           TEXT    NOT NULL,
  kind         TEXT    NOT NULL CHECK (kind IN ('instructor', 'student', 'vehicle', 'branch')),
  owner_id     TEXT    NOT NULL,
  detail       TEXT    NOT NULL CHECK (detail IN ('full', 'busy_only')),
  past_days    INTEGER NOT NULL,
  future_days  INTEGER NOT NULL,
  language     TEXT    NOT NULL,
  made_by      TEXT    NOT NULL,
  created_at   INTEGER NOT NULL,
  revoked_at   INTEGER,
  token_sha256 BLOB    NOT NULL CHECK (length(token_sha256) = 32),
  PRIMARY KEY (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX feeds_by_token ON feeds (school_id, token_sha256);
CREATE INDEX feeds_by_owner ON feeds (school_id, owner_id);
