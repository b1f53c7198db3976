-- What students pay by links, what services told of it, and where events go
-- (docs/adr/0042, 0043). Instants are epoch seconds; of notices milliseconds.

CREATE TABLE payments (
  school_id         INTEGER NOT NULL,
  id                TEXT    NOT NULL,
  student_id        TEXT    NOT NULL,
  -- In the smallest unit of the currency.
  asked_minor       INTEGER NOT NULL CHECK (asked_minor > 0),
  currency          TEXT    NOT NULL CHECK (length(currency) = 3),
  description       TEXT    NOT NULL,
  return_url        TEXT,
  state             TEXT    NOT NULL CHECK (state IN
    ('requested', 'link_created', 'paid', 'mismatch', 'failed', 'refunded', 'reversed')),
  url               TEXT,
  provider_ref      TEXT,
  received_minor    INTEGER,
  received_currency TEXT,
  created_at        INTEGER NOT NULL,
  changed_at        INTEGER NOT NULL,
  version           INTEGER NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
  CHECK ((received_minor IS NULL) = (received_currency IS NULL)),
  CHECK (state <> 'paid' OR received_minor = asked_minor AND received_currency = currency)
) STRICT, WITHOUT ROWID;

CREATE INDEX payments_by_student ON payments (school_id, student_id, id);

-- A state never goes back, in whatever order a service tells things.
CREATE TRIGGER payments_transitions BEFORE UPDATE OF state ON payments
WHEN OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN (
  'requested>link_created',
  'requested>paid', 'link_created>paid', 'failed>paid',
  'requested>mismatch', 'link_created>mismatch', 'failed>mismatch',
  'requested>failed', 'link_created>failed',
  'requested>refunded', 'link_created>refunded', 'failed>refunded',
  'paid>refunded', 'mismatch>refunded',
  'requested>reversed', 'link_created>reversed', 'failed>reversed',
  'paid>reversed', 'mismatch>reversed', 'refunded>reversed')
BEGIN
  SELECT RAISE(ABORT, 'payments_transitions');
END;

CREATE TRIGGER payments_ask_for_the_same BEFORE UPDATE ON payments
WHEN OLD.asked_minor <> NEW.asked_minor OR OLD.currency <> NEW.currency
  OR OLD.student_id <> NEW.student_id
BEGIN
  SELECT RAISE(ABORT, 'payments_ask_for_the_same');
END;

-- What services told, each thing once: whoever tells it again is answered and changes nothing.
CREATE TABLE notices (
  school_id   INTEGER NOT NULL,
  provider_id TEXT    NOT NULL,
  -- The service's own name for it.
  event_id    TEXT    NOT NULL,
  type        TEXT    NOT NULL,
  -- The payment or message that it is about, as the service says; there may be none.
  reference   TEXT    NOT NULL,
  outcome     TEXT    NOT NULL CHECK (outcome IN ('taken', 'late', 'unknown')),
  received_at INTEGER NOT NULL,
  PRIMARY KEY (school_id, provider_id, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX notices_by_reference ON notices (school_id, reference);

-- Where events go (docs/adr/0042-webhooks-follow-the-stream.md); the secrets are sealed, and apart.
CREATE TABLE webhooks (
  school_id         INTEGER NOT NULL,
  id                TEXT    NOT NULL,
  url               TEXT    NOT NULL,
  types             TEXT    NOT NULL CHECK (json_type(types) = 'array'),
  is_active         INTEGER NOT NULL CHECK (is_active IN (0, 1)),
  created_at        INTEGER NOT NULL,
  secret_changed_at INTEGER NOT NULL,
  version           INTEGER NOT NULL,
  -- The last event that was looked at for it: what it wants of those before is in the outbox. It
  -- stays as it is when the rest is changed.
  seq               INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (school_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_of_webhooks ON outbox (school_id, recipient, id) WHERE channel = 'webhook';
