"""What a restore must not send again: the messages that were tried, or ended, since the backup."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rpcbackend.schema.outbox import MessageState
from rpcbackend.schema.templates import TemplateKind
from rpcbackend.store.still import reader_of
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

FIRST_VERSION, FIRST_WITH_VIA = 5, 12
"""Of the schema: that has an outbox, and that binds messages to providers."""

_NEXT: Mapping[str, Sequence[str]] = {
    "queued": ("sending", "cancelled"),
    "sending": ("sent", "queued", "failed"),
    "failed": ("queued", "cancelled"),
    "sent": ("delivered", "bounced"),
}
"""The steps that the table's rule allows."""

_SELECT = """
SELECT id, state, ended_at, provider_ref, attempts, epoch, lease, not_before, is_withdrawn, failure,
  {via} AS via
FROM outbox WHERE ended_at IS NOT NULL OR attempts > 0 OR lease > 0 ORDER BY id
"""
_TRIED, _TRIED_BY_NOBODY = _SELECT.format(via="via"), _SELECT.format(via="NULL")

_STEP = """
UPDATE outbox SET state = :state, ended_at = :ended_at
WHERE school_id = :school AND id = :id AND state <> :state
"""

# The lease as well: whoever carries it through the restore marks it when he knows what came of it.
_AS_IT_WAS = """
UPDATE outbox SET attempts = :attempts, epoch = :epoch, lease = :lease, not_before = :not_before,
  is_withdrawn = :is_withdrawn, failure = :failure, provider_ref = coalesce(:ref, provider_ref),
  via = :via
WHERE school_id = :school AND id = :id
"""


COLUMNS = """id, channel, recipient, template, payload, dedupe_key, state, created_at, not_before,
  attempts, epoch, lease, is_withdrawn, failure, provider_ref, ended_at, owner_id, via, quiet,
  not_after"""
"""Of a message that the backup does not have, as `add_again` needs them."""

_ADD = """
INSERT INTO outbox (school_id, id, channel, recipient, template, payload, dedupe_key, state,
                    created_at, not_before, not_after, quiet, owner_id, via,
                    attempts, epoch, lease, is_withdrawn)
VALUES (:school, :id, :channel, :recipient, :template, :payload, :dedupe_key, 'queued',
        :created_at, :not_before, :not_after, :quiet, :owner_id, :via, 0, 0, 0, 0)
ON CONFLICT DO NOTHING
"""

_ADDED = (
    *("id", "channel", "recipient", "template", "payload", "dedupe_key"),
    *("created_at", "not_before", "not_after", "quiet", "owner_id", "via"),
)


class Settled(NamedTuple):
    """A message that was tried, or came to its end, and how it stands."""

    id: str
    state: str
    ended_at: int | None
    provider_ref: str | None
    attempts: int
    epoch: int
    lease: int
    not_before: int
    is_withdrawn: int
    failure: str | None
    via: str | None


def settled_in(path: Path, key: bytes | None) -> Callable[[Report], Sequence[Settled]]:
    """Return what reads them from a database that nobody writes to, of whatever version."""
    return reader_of(path, key, _look, "what was sent")


def _look(connection: Any, version: int) -> Sequence[Settled]:
    if version < FIRST_VERSION:
        return []
    rows = connection.execute(_TRIED if version >= FIRST_WITH_VIA else _TRIED_BY_NOBODY)
    return [Settled(*row) for row in rows.fetchall()]


async def settle_again(work: Work, settled: Sequence[Settled]) -> None:
    """Let the messages that are not over in a restored store be as they were before."""
    rows = await work.tx.all(
        "SELECT id, state, template FROM outbox"
        " WHERE school_id = :school AND state IN ('queued', 'sending', 'failed')"
    )
    waiting = {row["id"]: row for row in rows}
    for message in settled:
        row = waiting.get(message.id)
        if row is not None and not _goes_after_all(message, row["template"]):
            await settle_one(work, message, row["state"])


def _goes_after_all(message: Settled, template: str) -> bool:
    """Tell whether it is a reminder that never went: its lesson, or its way, is there again."""
    is_unsent = message.attempts == 0 and message.failure is None
    is_reminder = template == TemplateKind.LESSON_REMINDER
    return is_reminder and is_unsent and message.state == MessageState.CANCELLED


async def settle_one(work: Work, message: Settled, state: str) -> None:
    """Take a message of a restored store from a state to the one that it had before."""
    for step in way(_NEXT, state, message.state) or ():
        await work.tx.run(
            _STEP,
            id=message.id,
            state=step,
            ended_at=None if step in ("queued", "sending") else message.ended_at or work.now_ms,
        )
    await work.tx.run(
        _AS_IT_WAS,
        id=message.id,
        attempts=message.attempts,
        epoch=message.epoch,
        lease=message.lease,
        not_before=message.not_before,
        is_withdrawn=message.is_withdrawn,
        failure=message.failure,
        ref=message.provider_ref,
        via=message.via,
    )


async def add_again(work: Work, message: Mapping[str, Any]) -> None:
    """Let a message that a restored store does not have be there as it was.

    Args:
        work: Of the restored store.
        message: Its `COLUMNS`.
    """
    if await work.tx.run(_ADD, **{name: message[name] for name in _ADDED}):
        as_it_was = Settled(**{name: message[name] for name in Settled._fields})
        await settle_one(work, as_it_was, "queued")


def way(steps: Mapping[str, Sequence[str]], state: str, end: str) -> Sequence[str] | None:
    """Return the shortest way from a state to another one; None where there is no way."""
    ways: list[tuple[str, ...]] = [(state,)]
    for each in ways:
        if each[-1] == end:
            return each[1:]
        ways += [(*each, step) for step in steps.get(each[-1], ()) if step not in each]
    return None
