-- Who may come in: users, their secrets, sessions, API keys, and the keys that sign tokens.
-- Instants are epoch seconds; what decides within seconds (misses, rotations) is in milliseconds.
-- Secrets stand apart from what screens show.

CREATE TABLE users (
  school_id        INTEGER NOT NULL,
  id               TEXT    NOT NULL,
  login            TEXT    NOT NULL,
  -- What logins are compared by: lower case, one form of each letter.
  login_key        TEXT    NOT NULL,
  roles            TEXT    NOT NULL CHECK (json_type(roles) = 'array'),
  linked_person_id TEXT,
  status           TEXT    NOT NULL CHECK (status IN ('active', 'disabled')),
  has_mfa          INTEGER NOT NULL CHECK (has_mfa IN (0, 1)),
  created_at       INTEGER NOT NULL,
  version          INTEGER NOT NULL,
  PRIMARY KEY (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX users_by_login ON users (school_id, login_key);

CREATE TABLE credentials (
  school_id     INTEGER NOT NULL,
  user_id       TEXT    NOT NULL,
  password_hash TEXT,
  mfa_secret    TEXT,
  -- Enrolled but not yet proven by a first code.
  mfa_pending   TEXT,
  -- The last step whose code was accepted: no code is good twice.
  mfa_step      INTEGER NOT NULL DEFAULT -1,
  PRIMARY KEY (school_id, user_id),
  FOREIGN KEY (school_id, user_id) REFERENCES users (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_codes (
  school_id INTEGER NOT NULL,
  user_id   TEXT    NOT NULL,
  sha256    BLOB    NOT NULL,
  PRIMARY KEY (school_id, user_id, sha256),
  FOREIGN KEY (school_id, user_id) REFERENCES users (school_id, id)
) STRICT, WITHOUT ROWID;

-- By the hash of what was typed, so that unknown logins wait like known ones and none is kept.
CREATE TABLE login_misses (
  school_id    INTEGER NOT NULL,
  login_sha256 BLOB    NOT NULL,
  misses       INTEGER NOT NULL,
  last_miss_at_ms INTEGER NOT NULL,
  PRIMARY KEY (school_id, login_sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  school_id    INTEGER NOT NULL,
  id           TEXT    NOT NULL,
  user_id      TEXT    NOT NULL,
  client       TEXT    NOT NULL,
  audience     TEXT    NOT NULL CHECK (audience IN ('stdio', 'http')),
  created_at   INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  -- When the password was last given: some channels want it fresh.
  password_at  INTEGER NOT NULL,
  -- The refresh tokens: one family, of which only the newest counter is good.
  family       BLOB    NOT NULL CHECK (length(family) = 16),
  counter      INTEGER NOT NULL,
  rotated_at_ms INTEGER NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, user_id) REFERENCES users (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (school_id, user_id, created_at);
CREATE UNIQUE INDEX sessions_by_family ON sessions (school_id, family);

CREATE TABLE api_keys (
  school_id     INTEGER NOT NULL,
  id            TEXT    NOT NULL,
  name          TEXT    NOT NULL,
  secret_sha256 BLOB    NOT NULL CHECK (length(secret_sha256) = 32),
  scopes        TEXT    NOT NULL CHECK (json_type(scopes) = 'array'),
  -- A key never may more than whoever made it.
  user_id       TEXT    NOT NULL,
  created_at    INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL,
  revoked_at    INTEGER,
  last_used_at  INTEGER,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, user_id) REFERENCES users (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
  school_id  INTEGER NOT NULL,
  kid        TEXT    NOT NULL,
  purpose    TEXT    NOT NULL CHECK (purpose IN ('access', 'refresh')),
  secret     BLOB    NOT NULL CHECK (length(secret) = 32),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (school_id, kid)
) STRICT, WITHOUT ROWID;

-- Whom an instructor ever taught: the students that he sees, one seek for each.
CREATE INDEX lessons_by_pair ON lessons (school_id, instructor_id, student_id);
