-- Who may come in: users, their secrets, sessions, API keys, and the keys that sign tokens.
-- Instants are epoch seconds; what decides within seconds (misses, rotations) is in milliseconds.
-- Secrets stand apart from what screens show.

CREATE TABLE users (
  school_id        bigint NOT NULL,
  id               text COLLATE "C" NOT NULL,
  login            text COLLATE "C" NOT NULL,
  -- What logins are compared by: lower case, one form of each letter.
  login_key        text COLLATE "C" NOT NULL,
  roles            json NOT NULL CHECK (json_typeof(roles) = 'array'),
  linked_person_id text COLLATE "C",
  status           text COLLATE "C" NOT NULL CHECK (status IN ('active', 'disabled')),
  has_mfa          bigint NOT NULL CHECK (has_mfa IN (0, 1)),
  created_at       bigint NOT NULL,
  version          bigint NOT NULL,
  PRIMARY KEY (school_id, id)
);

CREATE UNIQUE INDEX users_by_login ON users (school_id, login_key);

CREATE TABLE credentials (
  school_id     bigint NOT NULL,
  user_id       text COLLATE "C" NOT NULL,
  password_hash text COLLATE "C",
  mfa_secret    text COLLATE "C",
  -- Enrolled but not yet proven by a first code.
  mfa_pending   text COLLATE "C",
  -- The last step whose code was accepted: no code is good twice.
  mfa_step      bigint NOT NULL DEFAULT -1,
  PRIMARY KEY (school_id, user_id),
  FOREIGN KEY (school_id, user_id) REFERENCES users (school_id, id)
);

CREATE TABLE recovery_codes (
  school_id bigint NOT NULL,
  user_id   text COLLATE "C" NOT NULL,
  sha256    bytea NOT NULL,
  PRIMARY KEY (school_id, user_id, sha256),
  FOREIGN KEY (school_id, user_id) REFERENCES users (school_id, id)
);

-- By the hash of what was typed, so that unknown logins wait like known ones and none is kept.
CREATE TABLE login_misses (
  school_id    bigint NOT NULL,
  login_sha256 bytea NOT NULL,
  misses       bigint NOT NULL,
  last_miss_at_ms bigint NOT NULL,
  PRIMARY KEY (school_id, login_sha256)
);

CREATE TABLE sessions (
  school_id    bigint NOT NULL,
  id           text COLLATE "C" NOT NULL,
  user_id      text COLLATE "C" NOT NULL,
  client       text COLLATE "C" NOT NULL,
  audience     text COLLATE "C" NOT NULL CHECK (audience IN ('stdio', 'http')),
  created_at   bigint NOT NULL,
  last_seen_at bigint NOT NULL,
  -- When the password was last given: some channels want it fresh.
  password_at  bigint NOT NULL,
  -- The refresh tokens: one family, of which only the newest counter is good.
  family       bytea NOT NULL CHECK (length(family) = 16),
  counter      bigint NOT NULL,
  rotated_at_ms bigint NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, user_id) REFERENCES users (school_id, id)
);

CREATE INDEX sessions_by_user ON sessions (school_id, user_id, created_at);
CREATE UNIQUE INDEX sessions_by_family ON sessions (school_id, family);

CREATE TABLE api_keys (
  school_id     bigint NOT NULL,
  id            text COLLATE "C" NOT NULL,
  name          text COLLATE "C" NOT NULL,
  secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
  scopes        json NOT NULL CHECK (json_typeof(scopes) = 'array'),
  -- A key never may more than whoever made it.
  user_id       text COLLATE "C" NOT NULL,
  created_at    bigint NOT NULL,
  expires_at    bigint NOT NULL,
  revoked_at    bigint,
  last_used_at  bigint,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, user_id) REFERENCES users (school_id, id)
);

CREATE TABLE signing_keys (
  school_id  bigint NOT NULL,
  kid        text COLLATE "C" NOT NULL,
  purpose    text COLLATE "C" NOT NULL CHECK (purpose IN ('access', 'refresh')),
  secret     bytea NOT NULL CHECK (length(secret) = 32),
  created_at bigint NOT NULL,
  PRIMARY KEY (school_id, kid)
);

-- Whom an instructor ever taught: the students that he sees, one seek for each.
CREATE INDEX lessons_by_pair ON lessons (school_id, instructor_id, student_id);
