"""Messages of the outbox by what their dedupe keys begin with: all that is about one cause."""

from rpcbackend.store.transaction import Transaction

# A range of the index on dedupe keys: what begins with it, and nothing else.
_ABOUT = """
school_id = :school AND dedupe_key >= :about AND dedupe_key < :beyond
AND (:channel IS NULL OR channel = :channel)
"""

_ON_THEIR_WAY = f"""
UPDATE outbox SET is_withdrawn = 1 WHERE {_ABOUT} AND state = 'sending'
"""  # noqa: S608 (our own condition)

# Also what was given up: somebody may let it be tried again.
_WAITING = f"""
UPDATE outbox SET state = 'cancelled', is_withdrawn = 1, ended_at = :now
WHERE {_ABOUT} AND state IN ('queued', 'failed') RETURNING dedupe_key,
  attempts = 0 AND failure IS NULL AS is_unsent
"""  # noqa: S608 (our own condition)

_SEND_TO = f"""
UPDATE outbox SET recipient = :recipient
WHERE {_ABOUT} AND state IN ('queued', 'sending', 'failed')
"""  # noqa: S608 (our own condition)


class Waiting:
    """The messages of one school that wait, or have waited.

    Args:
        tx: The transaction.
        now_ms: When it runs.
    """

    def __init__(self, tx: Transaction, now_ms: int) -> None:
        self._tx, self._now_ms = tx, now_ms

    async def withdraw(self, about: str, channel: str | None = None) -> list[str]:
        """Send no more of what is about something, and return the keys of what surely never was.

        What is on its way may arrive; it is not tried again, and neither is what was given up.

        Args:
            about: What the dedupe keys begin with, up to a slash.
            channel: Only what goes this way.
        """
        where = _range(about) | {"channel": channel}
        await self._tx.run(_ON_THEIR_WAY, **where)
        rows = await self._tx.all(_WAITING, **where, now=self._now_ms)
        return sorted(row["dedupe_key"] for row in rows if row["is_unsent"])

    async def send_to(self, recipient: str, about: str, channel: str) -> None:
        """Let what waits go to another address, and what failed or fails if it is tried again."""
        await self._tx.run(_SEND_TO, recipient=recipient, channel=channel, **_range(about))


def _range(about: str) -> dict[str, str]:
    # The sign after the slash, by its number: nothing stands between what begins with one of them.
    return {"about": about, "beyond": about[:-1] + chr(ord("/") + 1)}
