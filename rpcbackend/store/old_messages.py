"""What is forgotten of messages that have been over for long."""

from rpcbackend.store.transaction import Transaction

TOLD_MS, KNOWN_MS = 90 * 86_400_000, 730 * 86_400_000
"""How long after its end what a message said and to whom is kept, and that it was sent."""

FORGOTTEN_AT_ONCE = 100
"""Messages that one transaction forgets for each reason."""

_EMPTY = """
UPDATE outbox SET recipient = '', payload = '{}' WHERE school_id = :school AND id IN (
  SELECT id FROM outbox
  WHERE school_id = :school AND ended_at <= :told AND recipient <> ''
    AND state IN ('sent', 'delivered', 'bounced')
  ORDER BY ended_at LIMIT :limit)
"""

_FORGET = """
DELETE FROM outbox WHERE school_id = :school AND id IN (
  SELECT id FROM outbox
  WHERE school_id = :school AND ended_at <= :told
    AND (ended_at <= :known OR state IN ('failed', 'cancelled'))
  ORDER BY ended_at LIMIT :limit)
"""


async def forget_messages(tx: Transaction, now_ms: int) -> int:
    """Forget some of what has been over for long, and count that.

    What was sent loses after 90 days what it said and to whom; its key, for which nothing is sent
    again, after two years. What was never sent goes after 90 days, and its key is free.
    """
    times = {"told": now_ms - TOLD_MS, "limit": FORGOTTEN_AT_ONCE}
    emptied = await tx.run(_EMPTY, **times)
    return emptied + await tx.run(_FORGET, **times, known=now_ms - KNOWN_MS)
