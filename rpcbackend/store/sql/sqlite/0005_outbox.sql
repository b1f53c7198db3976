-- What goes to the world outside, written with its cause and sent later (docs/adr/0018-outbox.md).
-- Instants are epoch milliseconds.

CREATE TABLE outbox (
  school_id    INTEGER NOT NULL,
  id           TEXT    NOT NULL,
  -- The way it goes, such as `mail`.
  channel      TEXT    NOT NULL,
  recipient    TEXT    NOT NULL,
  template     TEXT    NOT NULL,
  payload      TEXT    NOT NULL CHECK (json_type(payload) = 'object'),
  -- Whatever says the same to the same person for the same reason has the same one.
  dedupe_key   TEXT    NOT NULL,
  state        TEXT    NOT NULL CHECK (state IN
    ('queued', 'sending', 'sent', 'delivered', 'bounced', 'failed', 'cancelled')),
  created_at   INTEGER NOT NULL,
  not_before   INTEGER NOT NULL,
  -- Sends that were begun, without those that were given back.
  attempts     INTEGER NOT NULL CHECK (attempts >= 0),
  -- Of whom sends it: the process, and which of the leases of this row is the good one.
  epoch        INTEGER NOT NULL,
  lease        INTEGER NOT NULL,
  -- Not wanted any more, while it was on its way.
  is_withdrawn INTEGER NOT NULL CHECK (is_withdrawn IN (0, 1)),
  -- Why the last send failed; what the receiver calls the message.
  failure      TEXT,
  provider_ref TEXT,
  ended_at     INTEGER,
  PRIMARY KEY (school_id, id),
  CHECK ((ended_at IS NULL) = (state IN ('queued', 'sending')))
) STRICT, WITHOUT ROWID;

-- One send for each.
CREATE UNIQUE INDEX outbox_by_dedupe_key ON outbox (school_id, dedupe_key);
-- Few at any time.
CREATE INDEX outbox_queued ON outbox (school_id, not_before, id) WHERE state = 'queued';
CREATE INDEX outbox_sending ON outbox (school_id, id) WHERE state = 'sending';

CREATE TRIGGER outbox_transitions BEFORE UPDATE OF state ON outbox
WHEN OLD.state || '>' || NEW.state NOT IN (
  'queued>sending', 'queued>cancelled',
  'sending>sent', 'sending>queued', 'sending>failed',
  'sent>delivered', 'sent>bounced')
BEGIN
  SELECT RAISE(ABORT, 'outbox_transitions');
END;

CREATE TRIGGER outbox_begins_queued BEFORE INSERT ON outbox WHEN NEW.state <> 'queued'
BEGIN
  SELECT RAISE(ABORT, 'outbox_begins_queued');
END;

-- Grows by one with every process that sends: it has taken over what those before had leased.
CREATE TABLE outbox_epochs (
  school_id INTEGER NOT NULL PRIMARY KEY,
  epoch     INTEGER NOT NULL
) STRICT;
