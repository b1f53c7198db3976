-- What runs by itself, and when it was last seen to (docs/adr/0045-schedules.md). There is a
-- row of what was changed by somebody or has run; all else is as the program has it.

CREATE TABLE schedules (
  school_id   bigint NOT NULL,
  id          text COLLATE "C" NOT NULL,
  -- NULL: the program's own; and the zone of the school's first branch.
  cron        text COLLATE "C",
  zone        text COLLATE "C",
  is_enabled  bigint NOT NULL CHECK (is_enabled IN (0, 1)),
  -- Everything that was due until then was seen to; whole seconds.
  seen_at     bigint,
  job_id      text COLLATE "C",
  version     bigint NOT NULL,
  PRIMARY KEY (school_id, id)
);

-- What has been over for long is found at once.
CREATE INDEX outbox_by_end ON outbox (school_id, ended_at) WHERE ended_at IS NOT NULL;
