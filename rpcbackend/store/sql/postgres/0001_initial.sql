-- The first areas: branches, people, vehicles, lessons, their claims, and the event stream.
-- Conventions: docs/adr/0007-rows-and-keys.md and 0050-postgresql.md. Instants are epoch seconds UTC
-- (events: milliseconds), civil dates are text, school_id comes first in every key. Each table has the
-- columns of its SQLite twin in their order; texts are compared byte by byte, as there.

-- What store/dialect.py makes of JSON and times; texts as SQLite writes them, to the byte.

CREATE FUNCTION json_text(given anyelement) RETURNS text STABLE PARALLEL SAFE LANGUAGE sql
AS $$ SELECT coalesce(to_json(given)::text, 'null') $$;

CREATE FUNCTION instant(at numeric, form text) RETURNS text STABLE PARALLEL SAFE LANGUAGE sql
AS $$
  SELECT to_char(to_timestamp(at) AT TIME ZONE 'UTC', CASE form
    WHEN '%Y-%m-%dT%H:%M:%SZ' THEN 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
    WHEN '%Y-%m-%dT%H:%M:%fZ' THEN 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"' END)
$$;

CREATE FUNCTION each_of(given json) RETURNS TABLE (key text, value text)
IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS $$
  SELECT NULL, value FROM json_array_elements_text(
    CASE json_typeof(given) WHEN 'array' THEN given END)
  UNION ALL
  SELECT key, value FROM json_each_text(CASE json_typeof(given) WHEN 'object' THEN given END)
$$;

CREATE FUNCTION as_bytes(given bytea) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS $$ SELECT given $$;

CREATE FUNCTION as_bytes(given json) RETURNS bytea IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS $$ SELECT convert_to(given::text, 'UTF8') $$;

CREATE FUNCTION hex(given bytea) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS $$ SELECT upper(encode(given, 'hex')) $$;

-- Here a column holds nothing but its type, and no text that its rule takes for JSON is none.

CREATE FUNCTION typeof(given bytea) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS $$ SELECT CASE WHEN given IS NULL THEN 'null' ELSE 'blob' END $$;

CREATE FUNCTION json_valid(given text) RETURNS boolean IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS $$ SELECT given IS NOT NULL $$;

-- What rules refuse by, each by its name.

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
  RAISE integrity_constraint_violation USING MESSAGE = TG_ARGV[0];
END
$$;

CREATE FUNCTION refuse_gap() RETURNS trigger LANGUAGE plpgsql
AS $$
DECLARE
  last bigint;
BEGIN
  EXECUTE format('SELECT max(seq) FROM %I.%I WHERE school_id = $1', TG_TABLE_SCHEMA, TG_TABLE_NAME)
    INTO last USING NEW.school_id;
  IF NEW.seq <> 1 + coalesce(last, 0) THEN
    RAISE integrity_constraint_violation USING MESSAGE = TG_ARGV[0];
  END IF;
  RETURN NEW;
END
$$;

CREATE TABLE branches (
  school_id   bigint NOT NULL,
  id          text COLLATE "C" NOT NULL,
  name        text COLLATE "C" NOT NULL,
  address     text COLLATE "C",
  zone        text COLLATE "C" NOT NULL,
  currency    text COLLATE "C" NOT NULL CHECK (length(currency) = 3),
  is_active   bigint NOT NULL CHECK (is_active IN (0, 1)),
  version     bigint NOT NULL,
  PRIMARY KEY (school_id, id)
);

CREATE TABLE instructors (
  school_id   bigint NOT NULL,
  id          text COLLATE "C" NOT NULL,
  branch_id   text COLLATE "C" NOT NULL,
  given_name  text COLLATE "C" NOT NULL,
  family_name text COLLATE "C" NOT NULL,
  email       text COLLATE "C",
  phone       text COLLATE "C",
  categories  json NOT NULL CHECK (json_typeof(categories) = 'array'),
  engagement  text COLLATE "C" NOT NULL CHECK (engagement IN ('employee', 'contractor', 'franchise')),
  state       text COLLATE "C" NOT NULL CHECK (state IN ('active', 'inactive')),
  version     bigint NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, branch_id) REFERENCES branches (school_id, id)
);

CREATE TABLE vehicles (
  school_id   bigint NOT NULL,
  id          text COLLATE "C" NOT NULL,
  branch_id   text COLLATE "C" NOT NULL,
  plate       text COLLATE "C" NOT NULL,
  make        text COLLATE "C" NOT NULL,
  model       text COLLATE "C" NOT NULL,
  categories  json NOT NULL CHECK (json_typeof(categories) = 'array'),
  transmission text COLLATE "C" NOT NULL CHECK (transmission IN ('manual', 'automatic')),
  state       text COLLATE "C" NOT NULL CHECK (state IN ('active', 'workshop', 'retired')),
  version     bigint NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, branch_id) REFERENCES branches (school_id, id)
);

-- A plate may be used again once its vehicle is retired.
CREATE UNIQUE INDEX vehicles_by_plate ON vehicles (school_id, plate) WHERE state <> 'retired';

CREATE TABLE students (
  school_id   bigint NOT NULL,
  id          text COLLATE "C" NOT NULL,
  branch_id   text COLLATE "C" NOT NULL,
  given_name  text COLLATE "C" NOT NULL,
  family_name text COLLATE "C" NOT NULL,
  born_on     text COLLATE "C" NOT NULL,
  email       text COLLATE "C",
  phone       text COLLATE "C",
  state       text COLLATE "C" NOT NULL CHECK (state IN
    ('enquiry', 'active', 'paused', 'graduated', 'withdrawn', 'lost', 'archived')),
  created_at  bigint NOT NULL,
  version     bigint NOT NULL,
  -- What a search compares with: names folded to lower case without accents.
  search_text text COLLATE "C" NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, branch_id) REFERENCES branches (school_id, id)
);

CREATE INDEX students_by_name ON students (school_id, family_name, given_name, id);
CREATE INDEX students_by_birth ON students (school_id, born_on);

CREATE TABLE lessons (
  school_id     bigint NOT NULL,
  id            text COLLATE "C" NOT NULL,
  branch_id     text COLLATE "C" NOT NULL,
  student_id    text COLLATE "C" NOT NULL,
  instructor_id text COLLATE "C" NOT NULL,
  vehicle_id    text COLLATE "C",
  type          text COLLATE "C" NOT NULL CHECK (type IN
    ('normal', 'country', 'motorway', 'night', 'exam_preparation')),
  state         text COLLATE "C" NOT NULL CHECK (state IN
    ('requested', 'booked', 'confirmed', 'in_progress', 'completed', 'no_show',
     'declined', 'expired', 'cancelled')),
  starts_at     bigint NOT NULL CHECK (starts_at % 60 = 0),
  ends_at       bigint NOT NULL CHECK (ends_at % 60 = 0 AND ends_at > starts_at),
  zone          text COLLATE "C" NOT NULL,
  -- The wall clock as booked: it stays when a country changes its time rules, the instant moves.
  local_start   text COLLATE "C" NOT NULL,
  local_end     text COLLATE "C" NOT NULL,
  pickup        text COLLATE "C",
  dropoff       text COLLATE "C",
  cancelled_by  text COLLATE "C" CHECK (cancelled_by IN ('student', 'instructor', 'school')),
  cancel_code   text COLLATE "C",
  cancelled_at  bigint,
  version       bigint NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, branch_id) REFERENCES branches (school_id, id),
  FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
  FOREIGN KEY (school_id, instructor_id) REFERENCES instructors (school_id, id),
  FOREIGN KEY (school_id, vehicle_id) REFERENCES vehicles (school_id, id),
  CHECK ((state = 'cancelled') = (cancelled_at IS NOT NULL))
);

CREATE INDEX lessons_by_start ON lessons (school_id, starts_at, id);
CREATE INDEX lessons_by_student ON lessons (school_id, student_id, starts_at, id);
CREATE INDEX lessons_by_instructor ON lessons (school_id, instructor_id, starts_at, id);
CREATE INDEX lessons_by_vehicle ON lessons (school_id, vehicle_id, starts_at, id)
  WHERE vehicle_id IS NOT NULL;

-- All busy time of everything that can be busy (domain rule K2). Claims of one resource never
-- overlap, so a resource and a start name a claim.
CREATE TABLE resource_claims (
  school_id     bigint NOT NULL,
  resource_type text COLLATE "C" NOT NULL CHECK (resource_type IN
    ('instructor', 'vehicle', 'student', 'room')),
  resource_id   text COLLATE "C" NOT NULL,
  starts_at     bigint NOT NULL CHECK (starts_at % 60 = 0),
  ends_at       bigint NOT NULL CHECK (ends_at % 60 = 0 AND ends_at > starts_at),
  owner_type    text COLLATE "C" NOT NULL CHECK (owner_type IN
    ('lesson', 'class', 'exam', 'time_off', 'work_order', 'block', 'external', 'worktime')),
  owner_id      text COLLATE "C" NOT NULL,
  PRIMARY KEY (school_id, resource_type, resource_id, starts_at)
);

CREATE INDEX resource_claims_by_owner ON resource_claims (school_id, owner_type, owner_id);

-- Rule K1.
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE resource_claims ADD CONSTRAINT resource_claims_never_overlap EXCLUDE USING gist (
  school_id WITH =, resource_type WITH =, resource_id WITH =, int8range(starts_at, ends_at) WITH &&);

-- A claim moves by being released and taken again, so the rule above sees every span.
CREATE TRIGGER resource_claims_never_move BEFORE UPDATE ON resource_claims FOR EACH ROW
EXECUTE FUNCTION refuse('resource_claims_never_move');

CREATE TABLE events (
  school_id         bigint NOT NULL,
  seq               bigint NOT NULL,
  id                text COLLATE "C" NOT NULL,
  type              text COLLATE "C" NOT NULL,
  at                bigint NOT NULL,
  actor             text COLLATE "C" NOT NULL,
  aggregate_type    text COLLATE "C" NOT NULL,
  aggregate_id      text COLLATE "C" NOT NULL,
  aggregate_version bigint NOT NULL,
  data              json NOT NULL CHECK (json_typeof(data) = 'object'),
  PRIMARY KEY (school_id, seq)
);

CREATE TRIGGER events_are_dense BEFORE INSERT ON events FOR EACH ROW
EXECUTE FUNCTION refuse_gap('events_are_dense');

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events FOR EACH ROW
EXECUTE FUNCTION refuse('events_are_never_changed');

CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events FOR EACH ROW
EXECUTE FUNCTION refuse('events_are_never_removed');

-- The reply to a command that came with an idempotency key, kept in the command's transaction.
CREATE TABLE idempotency_keys (
  school_id     bigint NOT NULL,
  actor         text COLLATE "C" NOT NULL,
  channel       text COLLATE "C" NOT NULL,
  key           text COLLATE "C" NOT NULL,
  params_sha256 bytea NOT NULL,
  result        text COLLATE "C" NOT NULL,
  expires_at    bigint NOT NULL,
  PRIMARY KEY (school_id, actor, channel, key)
);

CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (school_id, expires_at);
