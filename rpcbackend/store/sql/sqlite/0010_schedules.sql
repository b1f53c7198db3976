-- What runs by itself, and when it was last seen to (docs/adr/0045-schedules.md). There is a
-- row of what was changed by somebody or has run; all else is as the program has it.

CREATE TABLE schedules (
  school_id   INTEGER NOT NULL,
  id          TEXT    NOT NULL,
  -- NULL: the program's own; and the zone of the school's first branch.
  cron        TEXT,
  zone        TEXT,
  is_enabled  INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  -- Everything that was due until then was seen to; whole seconds.
  seen_at     INTEGER,
  job_id      TEXT,
  version     INTEGER NOT NULL,
  PRIMARY KEY (school_id, id)
) STRICT, WITHOUT ROWID;

-- What has been over for long is found at once.
CREATE INDEX outbox_by_end ON outbox (school_id, ended_at) WHERE ended_at IS NOT NULL;
