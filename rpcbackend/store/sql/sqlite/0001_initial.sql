-- The first areas: branches, people, vehicles, lessons, their claims, and the event stream.
-- Conventions: docs/adr/0007-rows-and-keys.md. Instants are epoch seconds UTC (events:
-- milliseconds), civil dates are text, school_id comes first in every key.

CREATE TABLE branches (
  school_id   INTEGER NOT NULL,
  id          TEXT    NOT NULL,
  name        TEXT    NOT NULL,
  address     TEXT,
  zone        TEXT    NOT NULL,
  currency    TEXT    NOT NULL CHECK (length(currency) = 3),
  is_active   INTEGER NOT NULL CHECK (is_active IN (0, 1)),
  version     INTEGER NOT NULL,
  PRIMARY KEY (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE instructors (
  school_id   INTEGER NOT NULL,
  id          TEXT    NOT NULL,
  branch_id   TEXT    NOT NULL,
  given_name  TEXT    NOT NULL,
  family_name TEXT    NOT NULL,
  email       TEXT,
  phone       TEXT,
  categories  TEXT    NOT NULL CHECK (json_type(categories) = 'array'),
  engagement  TEXT    NOT NULL CHECK (engagement IN ('employee', 'contractor', 'franchise')),
  state       TEXT    NOT NULL CHECK (state IN ('active', 'inactive')),
  version     INTEGER NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, branch_id) REFERENCES branches (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE vehicles (
  school_id   INTEGER NOT NULL,
  id          TEXT    NOT NULL,
  branch_id   TEXT    NOT NULL,
  plate       TEXT    NOT NULL,
  make        TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  categories  TEXT    NOT NULL CHECK (json_type(categories) = 'array'),
  transmission TEXT   NOT NULL CHECK (transmission IN ('manual', 'automatic')),
  state       TEXT    NOT NULL CHECK (state IN ('active', 'workshop', 'retired')),
  version     INTEGER NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, branch_id) REFERENCES branches (school_id, id)
) STRICT, WITHOUT ROWID;

-- A plate may be used again once its vehicle is retired.
CREATE UNIQUE INDEX vehicles_by_plate ON vehicles (school_id, plate) WHERE state <> 'retired';

CREATE TABLE students (
  school_id   INTEGER NOT NULL,
  id          TEXT    NOT NULL,
  branch_id   TEXT    NOT NULL,
  given_name  TEXT    NOT NULL,
  family_name TEXT    NOT NULL,
  born_on     TEXT    NOT NULL,
  email       TEXT,
  phone       TEXT,
  state       TEXT    NOT NULL CHECK (state IN
    ('enquiry', 'active', 'paused', 'graduated', 'withdrawn', 'lost', 'archived')),
  created_at  INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  -- What a search compares with: names folded to lower case without accents.
  search_text TEXT    NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, branch_id) REFERENCES branches (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX students_by_name ON students (school_id, family_name, given_name, id);
CREATE INDEX students_by_birth ON students (school_id, born_on);

CREATE TABLE lessons (
  school_id     INTEGER NOT NULL,
  id            TEXT    NOT NULL,
  branch_id     TEXT    NOT NULL,
  student_id    TEXT    NOT NULL,
  instructor_id TEXT    NOT NULL,
  vehicle_id    TEXT,
  type          TEXT    NOT NULL CHECK (type IN
    ('normal', 'country', 'motorway', 'night', 'exam_preparation')),
  state         TEXT    NOT NULL CHECK (state IN
    ('requested', 'booked', 'confirmed', 'in_progress', 'completed', 'no_show',
     'declined', 'expired', 'cancelled')),
  starts_at     INTEGER NOT NULL CHECK (starts_at % 60 = 0),
  ends_at       INTEGER NOT NULL CHECK (ends_at % 60 = 0 AND ends_at > starts_at),
  zone          TEXT    NOT NULL,
  -- The wall clock as booked: it stays when a country changes its time rules, the instant moves.
  local_start   TEXT    NOT NULL,
  local_end     TEXT    NOT NULL,
  pickup        TEXT,
  dropoff       TEXT,
  cancelled_by  TEXT    CHECK (cancelled_by IN ('student', 'instructor', 'school')),
  cancel_code   TEXT,
  cancelled_at  INTEGER,
  version       INTEGER NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, branch_id) REFERENCES branches (school_id, id),
  FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
  FOREIGN KEY (school_id, instructor_id) REFERENCES instructors (school_id, id),
  FOREIGN KEY (school_id, vehicle_id) REFERENCES vehicles (school_id, id),
  CHECK ((state = 'cancelled') = (cancelled_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX lessons_by_start ON lessons (school_id, starts_at, id);
CREATE INDEX lessons_by_student ON lessons (school_id, student_id, starts_at, id);
CREATE INDEX lessons_by_instructor ON lessons (school_id, instructor_id, starts_at, id);
CREATE INDEX lessons_by_vehicle ON lessons (school_id, vehicle_id, starts_at, id)
  WHERE vehicle_id IS NOT NULL;

-- All busy time of everything that can be busy (domain rule K2). Claims of one resource never
-- overlap, so a resource and a start name a claim.
CREATE TABLE resource_claims (
  school_id     INTEGER NOT NULL,
  resource_type TEXT    NOT NULL CHECK (resource_type IN
    ('instructor', 'vehicle', 'student', 'room')),
  resource_id   TEXT    NOT NULL,
  starts_at     INTEGER NOT NULL CHECK (starts_at % 60 = 0),
  ends_at       INTEGER NOT NULL CHECK (ends_at % 60 = 0 AND ends_at > starts_at),
  owner_type    TEXT    NOT NULL CHECK (owner_type IN
    ('lesson', 'class', 'exam', 'time_off', 'work_order', 'block', 'external', 'worktime')),
  owner_id      TEXT    NOT NULL,
  PRIMARY KEY (school_id, resource_type, resource_id, starts_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX resource_claims_by_owner ON resource_claims (school_id, owner_type, owner_id);

-- Rule K1. Because stored claims are disjoint, only the one with the greatest start before the
-- wanted end can be in the way (rule K5).
CREATE TRIGGER resource_claims_never_overlap BEFORE INSERT ON resource_claims
BEGIN
  SELECT RAISE(ABORT, 'resource_claims_never_overlap')
  WHERE (
    SELECT ends_at FROM resource_claims
    WHERE school_id = NEW.school_id AND resource_type = NEW.resource_type
      AND resource_id = NEW.resource_id AND starts_at < NEW.ends_at
    ORDER BY starts_at DESC LIMIT 1
  ) > NEW.starts_at;
END;

-- A claim moves by being released and taken again, so the rule above sees every span.
CREATE TRIGGER resource_claims_never_move BEFORE UPDATE ON resource_claims
BEGIN
  SELECT RAISE(ABORT, 'resource_claims_never_move');
END;

CREATE TABLE events (
  school_id         INTEGER NOT NULL,
  seq               INTEGER NOT NULL,
  id                TEXT    NOT NULL,
  type              TEXT    NOT NULL,
  at                INTEGER NOT NULL,
  actor             TEXT    NOT NULL,
  aggregate_type    TEXT    NOT NULL,
  aggregate_id      TEXT    NOT NULL,
  aggregate_version INTEGER NOT NULL,
  data              TEXT    NOT NULL CHECK (json_type(data) = 'object'),
  PRIMARY KEY (school_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER events_are_dense BEFORE INSERT ON events
BEGIN
  SELECT RAISE(ABORT, 'events_are_dense')
  WHERE NEW.seq <> 1 + coalesce(
    (SELECT max(seq) FROM events WHERE school_id = NEW.school_id), 0);
END;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN
  SELECT RAISE(ABORT, 'events_are_never_changed');
END;

CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
BEGIN
  SELECT RAISE(ABORT, 'events_are_never_removed');
END;

-- The reply to a command that came with an idempotency key, kept in the command's transaction.
CREATE TABLE idempotency_keys (
  school_id     INTEGER NOT NULL,
  actor         TEXT    NOT NULL,
  channel       TEXT    NOT NULL,
  key           TEXT    NOT NULL,
  params_sha256 BLOB    NOT NULL,
  result        TEXT    NOT NULL,
  expires_at    INTEGER NOT NULL,
  PRIMARY KEY (school_id, actor, channel, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (school_id, expires_at);
