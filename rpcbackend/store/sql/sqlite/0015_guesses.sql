-- Wrong passwords by where they come from, and of all together: until when they are paid for, in
-- epoch milliseconds (docs/adr/0060-what-processes-share.md). What is paid for is removed.
CREATE TABLE guesses (
  school_id     INTEGER NOT NULL,
  source_sha256 BLOB    NOT NULL CHECK (length(source_sha256) = 32),
  paid_at_ms    INTEGER NOT NULL,
  PRIMARY KEY (school_id, source_sha256)
) STRICT, WITHOUT ROWID;
