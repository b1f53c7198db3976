-- How well the process served, in spans of five minutes and of an hour, and whether it ended in good
-- order the last time (docs/adr/0029-figures.md). Epoch seconds, and milliseconds of durations.

CREATE TABLE measurements (
  school_id    bigint NOT NULL,
  span_seconds bigint NOT NULL,
  began_at     bigint NOT NULL CHECK (began_at % span_seconds = 0),
  -- While the process was there, and while it should have been.
  up_ms        bigint NOT NULL CHECK (up_ms >= 0),
  down_ms      bigint NOT NULL CHECK (down_ms >= 0),
  -- Calls that ended with an error of the system or the network.
  failed       bigint NOT NULL CHECK (failed >= 0),
  -- How many calls fell into which bucket of durations: [[bucket, count], ...].
  times        json NOT NULL CHECK (json_typeof(times) = 'array'),
  PRIMARY KEY (school_id, span_seconds, began_at)
);

-- The last process; ended_at is null while it is there, and after it died.
CREATE TABLE runs (
  school_id bigint NOT NULL PRIMARY KEY,
  began_at  bigint NOT NULL,
  ended_at  bigint
);
