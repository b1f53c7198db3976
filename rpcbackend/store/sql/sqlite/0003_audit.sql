-- The audit: one row for every command that took effect, each with the hash of the one before it.
-- Conventions: docs/adr/0016-audit-chain.md. Nothing else may refer to this table, so that its rows
-- tell the same story whatever becomes of the records they are about.

CREATE TABLE audit (
  school_id   INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  -- Epoch milliseconds.
  at          INTEGER NOT NULL,
  actor       TEXT    NOT NULL,
  session_id  TEXT,
  channel     TEXT    NOT NULL,
  -- The record that was changed first; the rest stand in changes.
  entity_type TEXT,
  entity_id   TEXT,
  changes     TEXT    NOT NULL CHECK (json_type(changes) = 'array'),
  prev_hash   BLOB    NOT NULL CHECK (length(prev_hash) = 32),
  hash        BLOB    NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (school_id, seq),
  CHECK ((entity_type IS NULL) = (entity_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_by_entity ON audit (school_id, entity_id, seq) WHERE entity_id IS NOT NULL;
CREATE INDEX audit_by_actor ON audit (school_id, actor, seq);

CREATE TRIGGER audit_is_dense BEFORE INSERT ON audit
BEGIN
  SELECT RAISE(ABORT, 'audit_is_dense')
  WHERE NEW.seq <> 1 + coalesce(
    (SELECT max(seq) FROM audit WHERE school_id = NEW.school_id), 0);
END;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'audit_is_never_changed');
END;

CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit
BEGIN
  SELECT RAISE(ABORT, 'audit_is_never_removed');
END;
