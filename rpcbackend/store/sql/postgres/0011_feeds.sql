-- Calendars that other programs read (docs/adr/0054-feeds.md). Of a token only its hash is kept.

CREATE TABLE feeds (
  school_id    bigint NOT NULL,
  id           text COLLATE "C" NOT NULL,
  kind         text COLLATE "C" NOT NULL CHECK (kind IN
    ('instructor', 'student', 'vehicle', 'branch')),
  owner_id     text COLLATE "C" NOT NULL,
  detail       text COLLATE "C" NOT NULL CHECK (detail IN ('full', 'busy_only')),
  past_days    bigint NOT NULL,
  future_days  bigint NOT NULL,
  language     text COLLATE "C" NOT NULL,
  made_by      text COLLATE "C" NOT NULL,
  created_at   bigint NOT NULL,
  revoked_at   bigint,
  token_sha256 bytea NOT NULL CHECK (length(token_sha256) = 32),
  PRIMARY KEY (school_id, id)
);

CREATE UNIQUE INDEX feeds_by_token ON feeds (school_id, token_sha256);
CREATE INDEX feeds_by_owner ON feeds (school_id, owner_id);
