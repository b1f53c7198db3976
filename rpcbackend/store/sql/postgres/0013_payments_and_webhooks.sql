-- What students pay by links, what services told of it, and where events go
-- (docs/adr/0042, 0043). Instants are epoch seconds; of notices milliseconds.

CREATE TABLE payments (
  school_id         bigint NOT NULL,
  id                text COLLATE "C" NOT NULL,
  student_id        text COLLATE "C" NOT NULL,
  -- In the smallest unit of the currency.
  asked_minor       bigint NOT NULL CHECK (asked_minor > 0),
  currency          text COLLATE "C" NOT NULL CHECK (length(currency) = 3),
  description       text COLLATE "C" NOT NULL,
  return_url        text COLLATE "C",
  state             text COLLATE "C" NOT NULL CHECK (state IN
    ('requested', 'link_created', 'paid', 'mismatch', 'failed', 'refunded', 'reversed')),
  url               text COLLATE "C",
  provider_ref      text COLLATE "C",
  received_minor    bigint,
  received_currency text COLLATE "C",
  created_at        bigint NOT NULL,
  changed_at        bigint NOT NULL,
  version           bigint NOT NULL,
  PRIMARY KEY (school_id, id),
  FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
  CHECK ((received_minor IS NULL) = (received_currency IS NULL)),
  CHECK (state <> 'paid' OR received_minor = asked_minor AND received_currency = currency)
);

CREATE INDEX payments_by_student ON payments (school_id, student_id, id);

-- A state never goes back, in whatever order a service tells things.
CREATE TRIGGER payments_transitions BEFORE UPDATE OF state ON payments FOR EACH ROW
WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN (
  'requested>link_created',
  'requested>paid', 'link_created>paid', 'failed>paid',
  'requested>mismatch', 'link_created>mismatch', 'failed>mismatch',
  'requested>failed', 'link_created>failed',
  'requested>refunded', 'link_created>refunded', 'failed>refunded',
  'paid>refunded', 'mismatch>refunded',
  'requested>reversed', 'link_created>reversed', 'failed>reversed',
  'paid>reversed', 'mismatch>reversed', 'refunded>reversed'))
EXECUTE FUNCTION refuse('payments_transitions');

CREATE TRIGGER payments_ask_for_the_same BEFORE UPDATE ON payments FOR EACH ROW
WHEN (OLD.asked_minor <> NEW.asked_minor OR OLD.currency <> NEW.currency
  OR OLD.student_id <> NEW.student_id)
EXECUTE FUNCTION refuse('payments_ask_for_the_same');

-- What services told, each thing once: whoever tells it again is answered and changes nothing.
CREATE TABLE notices (
  school_id   bigint NOT NULL,
  provider_id text COLLATE "C" NOT NULL,
  -- The service's own name for it.
  event_id    text COLLATE "C" NOT NULL,
  type        text COLLATE "C" NOT NULL,
  -- The payment or message that it is about, as the service says; there may be none.
  reference   text COLLATE "C" NOT NULL,
  outcome     text COLLATE "C" NOT NULL CHECK (outcome IN ('taken', 'late', 'unknown')),
  received_at bigint NOT NULL,
  PRIMARY KEY (school_id, provider_id, event_id)
);

CREATE INDEX notices_by_reference ON notices (school_id, reference);

-- Where events go (docs/adr/0042-webhooks-follow-the-stream.md); the secrets are sealed, and apart.
CREATE TABLE webhooks (
  school_id         bigint NOT NULL,
  id                text COLLATE "C" NOT NULL,
  url               text COLLATE "C" NOT NULL,
  types             json NOT NULL CHECK (json_typeof(types) = 'array'),
  is_active         bigint NOT NULL CHECK (is_active IN (0, 1)),
  created_at        bigint NOT NULL,
  secret_changed_at bigint NOT NULL,
  version           bigint NOT NULL,
  -- The last event that was looked at for it: what it wants of those before is in the outbox. It
  -- stays as it is when the rest is changed.
  seq               bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (school_id, id)
);

CREATE INDEX outbox_of_webhooks ON outbox (school_id, recipient, id) WHERE channel = 'webhook';
