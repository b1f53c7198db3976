-- Long work, one row a job. Conventions: docs/adr/0021-jobs.md. What a job was asked for is not kept:
-- it may hold keys. How far it is stands in memory while it runs, and here from its end on.

CREATE TABLE jobs (
  school_id   INTEGER NOT NULL,
  id          TEXT    NOT NULL,
  channel     TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN
    ('queued', 'running', 'done', 'failed', 'cancelled')),
  actor       TEXT    NOT NULL,
  done        INTEGER NOT NULL,
  total       INTEGER NOT NULL,
  message     TEXT,
  result      TEXT    CHECK (json_type(result) = 'object'),
  error       TEXT    CHECK (json_type(error) = 'object'),
  created_at  INTEGER NOT NULL,
  started_at  INTEGER,
  ended_at    INTEGER,
  PRIMARY KEY (school_id, id),
  CHECK ((ended_at IS NULL) = (state IN ('queued', 'running'))),
  CHECK ((result IS NOT NULL) = (state = 'done')),
  CHECK ((error IS NOT NULL) = (state = 'failed'))
) STRICT, WITHOUT ROWID;

-- Few at any time: what a process that died has left behind is found at once.
CREATE INDEX jobs_not_over ON jobs (school_id, created_at, id) WHERE ended_at IS NULL;
CREATE INDEX jobs_by_end ON jobs (school_id, ended_at) WHERE ended_at IS NOT NULL;

-- A cancellation and the end of the work may come at once: whichever commits first is the truth.
CREATE TRIGGER jobs_end_once BEFORE UPDATE ON jobs WHEN OLD.ended_at IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'jobs_end_once');
END;
