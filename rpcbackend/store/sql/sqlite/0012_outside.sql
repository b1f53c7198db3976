-- Who carries what goes outside, the secrets for that, and what the outbox has to know of a message
-- (docs/adr/0038-providers-and-sealed-secrets.md, 0039-the-sender.md). Instants of the outbox are
-- epoch milliseconds.

CREATE TABLE providers (
  school_id  INTEGER NOT NULL,
  id         TEXT    NOT NULL,
  channel    TEXT    NOT NULL CHECK (channel IN ('mail', 'sms', 'payment')),
  name       TEXT    NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
  -- Of those of a channel the one with the smallest goes first.
  priority   INTEGER NOT NULL,
  mail       TEXT CHECK (json_type(mail) = 'object'),
  web        TEXT CHECK (json_type(web) = 'object'),
  has_secret INTEGER NOT NULL CHECK (has_secret IN (0, 1)),
  version    INTEGER NOT NULL,
  PRIMARY KEY (school_id, id),
  CHECK ((mail IS NULL) = (channel <> 'mail') AND (web IS NULL) = (channel = 'mail'))
) STRICT, WITHOUT ROWID;

-- Secrets that have to be used again. Each is sealed for its place under a key that follows from
-- the store's; while that is changed there is one under either.
CREATE TABLE sealed (
  school_id INTEGER NOT NULL,
  -- Where the secret belongs: a table, a column and the id of a row.
  place     TEXT    NOT NULL,
  -- Of the store's key; `plain` where it has none, and then the box is the text itself.
  key_mark  TEXT    NOT NULL,
  box       BLOB    NOT NULL,
  PRIMARY KEY (school_id, place, key_mark)
) STRICT, WITHOUT ROWID;

-- The student it is about.
ALTER TABLE outbox ADD COLUMN owner_id TEXT;
-- The provider that has to carry it: it may have it already, or is to be tried out.
ALTER TABLE outbox ADD COLUMN via TEXT;
-- The hours at which its recipient is left alone, as a list of zone, from and until; and when it is
-- of no use any more.
ALTER TABLE outbox ADD COLUMN quiet TEXT CHECK (json_type(quiet) = 'array');
ALTER TABLE outbox ADD COLUMN not_after INTEGER;

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
DROP TRIGGER outbox_transitions;
CREATE TRIGGER outbox_transitions BEFORE UPDATE OF state ON outbox
WHEN OLD.state || '>' || NEW.state NOT IN (
  'queued>sending', 'queued>cancelled',
  'sending>sent', 'sending>queued', 'sending>failed',
  'failed>queued', 'failed>cancelled',
  'sent>delivered', 'sent>bounced')
BEGIN
  SELECT RAISE(ABORT, 'outbox_transitions');
END;
