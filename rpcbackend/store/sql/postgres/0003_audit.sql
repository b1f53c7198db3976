-- The audit: one row for every command that took effect, each with the hash of the one before it.
-- Conventions: docs/adr/0016-audit-chain.md. Nothing else may refer to this table, so that its rows
-- tell the same story whatever becomes of the records they are about.

CREATE TABLE audit (
  school_id   bigint NOT NULL,
  seq         bigint NOT NULL,
  -- Epoch milliseconds.
  at          bigint NOT NULL,
  actor       text COLLATE "C" NOT NULL,
  session_id  text COLLATE "C",
  channel     text COLLATE "C" NOT NULL,
  -- The record that was changed first; the rest stand in changes.
  entity_type text COLLATE "C",
  entity_id   text COLLATE "C",
  -- Its text is part of the chain.
  changes     text COLLATE "C" NOT NULL CHECK (json_typeof(changes::json) = 'array'),
  prev_hash   bytea NOT NULL CHECK (length(prev_hash) = 32),
  hash        bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (school_id, seq),
  CHECK ((entity_type IS NULL) = (entity_id IS NULL))
);

CREATE INDEX audit_by_entity ON audit (school_id, entity_id, seq) WHERE entity_id IS NOT NULL;
CREATE INDEX audit_by_actor ON audit (school_id, actor, seq);

CREATE TRIGGER audit_is_dense BEFORE INSERT ON audit FOR EACH ROW
EXECUTE FUNCTION refuse_gap('audit_is_dense');

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit FOR EACH ROW
EXECUTE FUNCTION refuse('audit_is_never_changed');

CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit FOR EACH ROW
EXECUTE FUNCTION refuse('audit_is_never_removed');
