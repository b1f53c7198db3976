-- What goes to the world outside, written with its cause and sent later (docs/adr/0018-outbox.md).
-- Instants are epoch milliseconds.

CREATE TABLE outbox (
  school_id    bigint NOT NULL,
  id           text COLLATE "C" NOT NULL,
  -- The way it goes, such as `mail`.
  channel      text COLLATE "C" NOT NULL,
  recipient    text COLLATE "C" NOT NULL,
  template     text COLLATE "C" NOT NULL,
  payload      json NOT NULL CHECK (json_typeof(payload) = 'object'),
  -- Whatever says the same to the same person for the same reason has the same one.
  dedupe_key   text COLLATE "C" NOT NULL,
  state        text COLLATE "C" NOT NULL CHECK (state IN
    ('queued', 'sending', 'sent', 'delivered', 'bounced', 'failed', 'cancelled')),
  created_at   bigint NOT NULL,
  not_before   bigint NOT NULL,
  -- Sends that were begun, without those that were given back.
  attempts     bigint NOT NULL CHECK (attempts >= 0),
  -- Of whom sends it: the process, and which of the leases of this row is the good one.
  epoch        bigint NOT NULL,
  lease        bigint NOT NULL,
  -- Not wanted any more, while it was on its way.
  is_withdrawn bigint NOT NULL CHECK (is_withdrawn IN (0, 1)),
  -- Why the last send failed; what the receiver calls the message.
  failure      text COLLATE "C",
  provider_ref text COLLATE "C",
  ended_at     bigint,
  PRIMARY KEY (school_id, id),
  CHECK ((ended_at IS NULL) = (state IN ('queued', 'sending')))
);

-- One send for each.
CREATE UNIQUE INDEX outbox_by_dedupe_key ON outbox (school_id, dedupe_key);
-- Few at any time.
CREATE INDEX outbox_queued ON outbox (school_id, not_before, id) WHERE state = 'queued';
CREATE INDEX outbox_sending ON outbox (school_id, id) WHERE state = 'sending';

CREATE TRIGGER outbox_transitions BEFORE UPDATE OF state ON outbox FOR EACH ROW
WHEN (OLD.state || '>' || NEW.state NOT IN (
  'queued>sending', 'queued>cancelled',
  'sending>sent', 'sending>queued', 'sending>failed',
  'sent>delivered', 'sent>bounced'))
EXECUTE FUNCTION refuse('outbox_transitions');

CREATE TRIGGER outbox_begins_queued BEFORE INSERT ON outbox FOR EACH ROW
WHEN (NEW.state <> 'queued')
EXECUTE FUNCTION refuse('outbox_begins_queued');

-- Grows by one with every process that sends: it has taken over what those before had leased.
CREATE TABLE outbox_epochs (
  school_id bigint NOT NULL PRIMARY KEY,
  epoch     bigint NOT NULL
);
