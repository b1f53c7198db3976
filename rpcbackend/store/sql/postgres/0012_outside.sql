-- Who carries what goes outside, the secrets for that, and what the outbox has to know of a message
-- (docs/adr/0038-providers-and-sealed-secrets.md, 0039-the-sender.md). Instants of the outbox are
-- epoch milliseconds.

CREATE TABLE providers (
  school_id  bigint NOT NULL,
  id         text COLLATE "C" NOT NULL,
  channel    text COLLATE "C" NOT NULL CHECK (channel IN ('mail', 'sms', 'payment')),
  name       text COLLATE "C" NOT NULL,
  is_enabled bigint NOT NULL CHECK (is_enabled IN (0, 1)),
  -- Of those of a channel the one with the smallest goes first.
  priority   bigint NOT NULL,
  mail       json CHECK (json_typeof(mail) = 'object'),
  web        json CHECK (json_typeof(web) = 'object'),
  has_secret bigint NOT NULL CHECK (has_secret IN (0, 1)),
  version    bigint NOT NULL,
  PRIMARY KEY (school_id, id),
  CHECK ((mail IS NULL) = (channel <> 'mail') AND (web IS NULL) = (channel = 'mail'))
);

-- Secrets that have to be used again. Each is sealed for its place under a key that follows from
-- the store's; while that is changed there is one under either.
CREATE TABLE sealed (
  school_id bigint NOT NULL,
  -- Where the secret belongs: a table, a column and the id of a row.
  place     text COLLATE "C" NOT NULL,
  -- Of the store's key; `plain` where it has none, and then the box is the text itself.
  key_mark  text COLLATE "C" NOT NULL,
  box       bytea NOT NULL,
  PRIMARY KEY (school_id, place, key_mark)
);

-- The student it is about.
ALTER TABLE outbox ADD COLUMN owner_id text COLLATE "C";
-- The provider that has to carry it: it may have it already, or is to be tried out.
ALTER TABLE outbox ADD COLUMN via text COLLATE "C";
-- The hours at which its recipient is left alone, as a list of zone, from and until; and when it is
-- of no use any more.
ALTER TABLE outbox ADD COLUMN quiet json CHECK (json_typeof(quiet) = 'array');
ALTER TABLE outbox ADD COLUMN not_after bigint;

DROP INDEX outbox_queued;
DROP INDEX outbox_sending;
CREATE INDEX outbox_by_state ON outbox (school_id, state, id);
CREATE INDEX outbox_by_owner ON outbox (school_id, owner_id, id) WHERE owner_id IS NOT NULL;
CREATE INDEX outbox_due ON outbox (school_id, channel, not_before, id) WHERE state = 'queued';
-- Few at any time: what a clock that was set must not hold up, what goes one way alone, and what is
-- of no use from some time on.
CREATE INDEX outbox_at_once ON outbox (school_id, channel, not_before, id)
  WHERE state = 'queued' AND not_before <= created_at;
CREATE INDEX outbox_tried ON outbox (school_id, channel, not_before, id)
  WHERE state = 'queued' AND attempts > 0;
CREATE INDEX outbox_pinned ON outbox (school_id, channel, not_before, id)
  WHERE state = 'queued' AND via IS NOT NULL;
CREATE INDEX outbox_late ON outbox (school_id, not_after)
  WHERE state = 'queued' AND not_after IS NOT NULL;

-- By hand, what was given up can be tried again, or put away.
DROP TRIGGER outbox_transitions ON outbox;
CREATE TRIGGER outbox_transitions BEFORE UPDATE OF state ON outbox FOR EACH ROW
WHEN (OLD.state || '>' || NEW.state NOT IN (
  'queued>sending', 'queued>cancelled',
  'sending>sent', 'sending>queued', 'sending>failed',
  'failed>queued', 'failed>cancelled',
  'sent>delivered', 'sent>bounced'))
EXECUTE FUNCTION refuse('outbox_transitions');
