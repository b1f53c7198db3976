"""Messages of the outbox by what their dedupe keys begin with: all that is about one cause."""

from typing import NamedTuple

import orjson

from rpcbackend.store.message import TAG, Ended, Message, tag_of
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
WHERE {_ABOUT} AND state IN ('queued', 'failed') RETURNING id, channel, owner_id, dedupe_key,
  attempts = 0 AND failure IS NULL AS is_unsent
"""  # noqa: S608 (our own condition)

# Not what may have arrived after all.
_UNTRIED = f"""
SELECT id, template, dedupe_key FROM outbox
WHERE {_ABOUT} AND state = 'queued' AND attempts = 0 AND failure IS NULL ORDER BY id
"""  # noqa: S608 (our own condition)

_MAY_HAVE_ARRIVED = f"""
SELECT dedupe_key FROM outbox
WHERE {_ABOUT} AND state IN ('queued', 'sending', 'failed')
  AND (attempts > 0 OR failure IS NOT NULL)
"""  # noqa: S608 (our own condition)

_SEND_OTHERWISE = """
UPDATE outbox SET channel = :to_channel, recipient = :recipient, payload = :payload, via = NULL
WHERE school_id = :school AND id = :id AND state = 'queued'
"""

_FREE_KEY = """
UPDATE outbox SET dedupe_key = dedupe_key || '/' || id
WHERE school_id = :school AND dedupe_key = :key AND state = 'cancelled'
"""

_GONE_OUT = f"""
SELECT dedupe_key FROM outbox
WHERE {_ABOUT} AND template = :template AND state IN ('sending', 'sent', 'delivered', 'bounced')
"""  # noqa: S608 (our own condition)

_NOT_ENDED = "state IN ('queued', 'sending', 'failed') AND quiet IS NOT NULL"
_HOURS = f"UPDATE outbox SET quiet = :quiet WHERE {_ABOUT} AND {_NOT_ENDED}"  # noqa: S608 (as above)
HOURS_OF_BRANCH = f"""
UPDATE outbox INDEXED BY outbox_by_state SET quiet = :quiet
WHERE school_id = :school AND {_NOT_ENDED} AND owner_id IN (
  SELECT id FROM students WHERE school_id = :school AND branch_id = :branch)
"""  # noqa: S608 (as above)

_SEND_TO = f"""
UPDATE outbox SET recipient = :recipient
WHERE {_ABOUT} AND state IN ('queued', 'sending', 'failed')
"""  # noqa: S608 (our own condition)


class Withdrawn(NamedTuple):
    """A message that is not sent any more."""

    message: Ended
    key: str
    """Its dedupe key."""
    is_unsent: bool
    """Whether it surely never was."""


class Untried(NamedTuple):
    """A message that nobody has tried to send yet."""

    id: str
    template: str
    key: str
    """Its dedupe key."""


class Waiting:
    """The messages of one school that wait, or have waited.

    Args:
        tx: The transaction.
        now_ms: When it runs.
    """

    def __init__(self, tx: Transaction, now_ms: int) -> None:
        self._tx, self._now_ms = tx, now_ms

    async def withdraw(self, about: str, channel: str | None = None) -> list[Withdrawn]:
        """Send no more of what is about something, and return what waited or was given up.

        What is on its way may arrive; it is not tried again, and neither is what was given up.

        Args:
            about: What the dedupe keys begin with, up to a slash.
            channel: Only what goes this way.
        """
        where = _range(about) | {"channel": channel}
        await self._tx.run(_ON_THEIR_WAY, **where)
        rows = await self._tx.all(_WAITING, **where, now=self._now_ms)
        found = [
            Withdrawn(
                Ended(row["id"], row["channel"], row["owner_id"]),
                row["dedupe_key"],
                is_unsent=bool(row["is_unsent"]),
            )
            for row in rows
        ]
        return sorted(found, key=lambda each: each.key)

    async def send_to(self, recipient: str, about: str, channel: str) -> None:
        """Let what waits go to another address, and what failed or fails if it is tried again."""
        await self._tx.run(_SEND_TO, recipient=recipient, channel=channel, **_range(about))

    async def untried(self, about: str, channel: str) -> list[Untried]:
        """Return what waits to go one way and surely never went."""
        rows = await self._tx.all(_UNTRIED, channel=channel, **_range(about))
        return [Untried(row["id"], row["template"], row["dedupe_key"]) for row in rows]

    async def may_have_arrived(self, about: str) -> list[str]:
        """Return the keys of what was tried, and of which nobody knows that it was sent."""
        rows = await self._tx.all(_MAY_HAVE_ARRIVED, channel=None, **_range(about))
        return [str(row[0]) for row in rows]

    async def send_otherwise(self, message_id: str, message: Message) -> None:
        """Let what waits go another way, at its time, in words for that way."""
        await self._tx.run(
            _SEND_OTHERWISE,
            id=message_id,
            to_channel=message.channel,
            recipient=message.recipient,
            payload=orjson.dumps(message.payload).decode(),
        )
        self._tx.touched.update((TAG, tag_of(message.channel)))

    async def free_key(self, key: str) -> None:
        """Let what was withdrawn and surely never sent be queued once more, under this key."""
        await self._tx.run(_FREE_KEY, key=key)

    async def gone_out(self, about: str, template: str) -> list[str]:
        """Return the keys of what was sent of one kind, or is on its way."""
        where = _range(about) | {"channel": None, "template": template}
        return [str(row[0]) for row in await self._tx.all(_GONE_OUT, **where)]

    async def leave_alone(self, quiet: tuple[str, str, str], about: str) -> None:
        """Let other quiet hours hold for what waits; whoever sends asks for them."""
        given = {"quiet": orjson.dumps(quiet).decode(), "channel": None}
        await self._tx.run(_HOURS, **given, **_range(about))

    async def leave_branch_alone(self, quiet: tuple[str, str, str], branch_id: str) -> None:
        """Do the same for the students of a branch."""
        given = {"quiet": orjson.dumps(quiet).decode(), "branch": branch_id}
        await self._tx.run(HOURS_OF_BRANCH, **given)


def _range(about: str) -> dict[str, str]:
    # The sign after the slash, by its number: nothing stands between what begins with one of them.
    return {"about": about, "beyond": about[:-1] + chr(ord("/") + 1)}
