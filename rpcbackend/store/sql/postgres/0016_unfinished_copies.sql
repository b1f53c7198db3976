-- A copy into this database that was begun and is not proved, and the state of what it is made of.
-- An older program made the table when it copied.
CREATE TABLE IF NOT EXISTS unfinished_copies (
  school_id bigint NOT NULL PRIMARY KEY,
  source    text COLLATE "C" NOT NULL
);
