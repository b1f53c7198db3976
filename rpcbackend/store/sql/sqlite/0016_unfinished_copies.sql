-- A copy into this database that was begun and is not proved, and the state of what it is made of.
-- An older program made the table when it copied.
CREATE TABLE IF NOT EXISTS unfinished_copies (
  school_id INTEGER NOT NULL PRIMARY KEY,
  source    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
