-- A payment whose request failed has failed, and is asked for again
-- (docs/adr/0057-a-link-is-sent-and-a-request-that-fails-is-told.md).

DROP TRIGGER payments_transitions ON payments;
-- A state never goes back, in whatever order a service tells things. Where there is no link nobody
-- can have paid by it, so there alone a request begins again.
CREATE TRIGGER payments_transitions BEFORE UPDATE OF state ON payments FOR EACH ROW
WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN (
  'requested>link_created',
  'requested>paid', 'link_created>paid', 'failed>paid',
  'requested>mismatch', 'link_created>mismatch', 'failed>mismatch',
  'requested>failed', 'link_created>failed',
  'requested>refunded', 'link_created>refunded', 'failed>refunded',
  'paid>refunded', 'mismatch>refunded',
  'requested>reversed', 'link_created>reversed', 'failed>reversed',
  'paid>reversed', 'mismatch>reversed', 'refunded>reversed')
  AND NOT (OLD.state = 'failed' AND NEW.state = 'requested' AND OLD.url IS NULL))
EXECUTE FUNCTION refuse('payments_transitions');
