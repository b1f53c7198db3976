"""What a restore must not send again: the messages that came to their end since the backup."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from rpcbackend.store import driver
from rpcbackend.store.migrations import version_of
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

FIRST_VERSION = 5
"""Of the schema, that has an outbox."""

_WAYS = {
    "sent": ("sending", "sent"),
    "delivered": ("sending", "sent", "delivered"),
    "bounced": ("sending", "sent", "bounced"),
    "failed": ("sending", "failed"),
    "cancelled": ("cancelled",),
}
"""The steps to each end, as the table's rule wants them."""

_STEP = """
UPDATE outbox SET state = :state, provider_ref = coalesce(:ref, provider_ref),
  ended_at = :ended_at, is_withdrawn = 0
WHERE school_id = :school AND id = :id AND state <> :state
"""


class Settled(NamedTuple):
    """A message that came to its end."""

    id: str
    state: str
    ended_at: int
    provider_ref: str | None


def settled_in(path: Path, key: bytes | None) -> Callable[[Report], Sequence[Settled]]:
    """Return what reads them from a database that nobody writes to, of whatever version."""

    # No `partial`: the key would be in its repr, and so in somebody's log.
    def look(_: Report) -> Sequence[Settled]:
        try:
            with closing(driver.open_still(path, key)) as connection:
                if version_of(connection) < FIRST_VERSION:
                    return []
                rows = connection.execute(
                    "SELECT id, state, ended_at, provider_ref FROM outbox"
                    " WHERE ended_at IS NOT NULL ORDER BY id"
                ).fetchall()
                return [Settled(*row) for row in rows]
        except driver.Error as error:
            raise driver.StorageFailedError("what was sent cannot be read") from error

    return look


async def settle_again(work: Work, settled: Sequence[Settled]) -> None:
    """Let the messages that wait in a restored store be as they were before, if they had ended."""
    rows = await work.tx.all(
        "SELECT id, state FROM outbox WHERE school_id = :school AND state IN ('queued', 'sending')"
    )
    waiting = {row["id"]: row["state"] for row in rows}
    for message in settled:
        if message.id in waiting:
            await _settle(work, message, waiting[message.id])


async def _settle(work: Work, message: Settled, state: str) -> None:
    steps = _WAYS[message.state]
    if message.state == "cancelled" and state == "sending":
        # It may have arrived before: what was on its way is tried no more.
        steps = ("queued", "cancelled")
    for step in steps:
        is_over = step not in ("queued", "sending")
        await work.tx.run(
            _STEP,
            id=message.id,
            state=step,
            ref=message.provider_ref if is_over else None,
            ended_at=message.ended_at if is_over else None,
        )
