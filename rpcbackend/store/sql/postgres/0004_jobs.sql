-- Long work, one row a job. Conventions: docs/adr/0021-jobs.md. What a job was asked for is not kept:
-- it may hold keys. How far it is stands in memory while it runs, and here from its end on.

CREATE TABLE jobs (
  school_id   bigint NOT NULL,
  id          text COLLATE "C" NOT NULL,
  channel     text COLLATE "C" NOT NULL,
  state       text COLLATE "C" NOT NULL CHECK (state IN
    ('queued', 'running', 'done', 'failed', 'cancelled')),
  actor       text COLLATE "C" NOT NULL,
  done        bigint NOT NULL,
  total       bigint NOT NULL,
  message     text COLLATE "C",
  result      json CHECK (json_typeof(result) = 'object'),
  error       json CHECK (json_typeof(error) = 'object'),
  created_at  bigint NOT NULL,
  started_at  bigint,
  ended_at    bigint,
  PRIMARY KEY (school_id, id),
  CHECK ((ended_at IS NULL) = (state IN ('queued', 'running'))),
  CHECK ((result IS NOT NULL) = (state = 'done')),
  CHECK ((error IS NOT NULL) = (state = 'failed'))
);

-- Few at any time: what a process that died has left behind is found at once.
CREATE INDEX jobs_not_over ON jobs (school_id, created_at, id) WHERE ended_at IS NULL;
CREATE INDEX jobs_by_end ON jobs (school_id, ended_at) WHERE ended_at IS NOT NULL;

-- A cancellation and the end of the work may come at once: whichever commits first is the truth.
CREATE TRIGGER jobs_end_once BEFORE UPDATE ON jobs FOR EACH ROW
WHEN (OLD.ended_at IS NOT NULL)
EXECUTE FUNCTION refuse('jobs_end_once');
