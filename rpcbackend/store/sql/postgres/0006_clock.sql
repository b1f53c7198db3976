-- The latest time that certainly was: a clock that is set back while nobody runs revives nothing.
-- Epoch seconds. See docs/adr/0022-damage-and-room.md.

CREATE TABLE clock (
  school_id bigint NOT NULL PRIMARY KEY,
  latest_at bigint NOT NULL
);
