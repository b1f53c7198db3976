"""What a restore must not give back: the rights that were taken away since the backup was made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rpcbackend.schema.users import UserStatus
from rpcbackend.store.still import reader_of
from rpcbackend.store.transaction import Report
from rpcbackend.store.work import Work

FIRST_VERSION, FIRST_WITH_FEEDS = 2, 11
"""Of the schema: that has users, and that has feeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """Who may not come in any more."""

    api_keys: tuple[tuple[str, int], ...] = ()
    """Ids, and when they were revoked, in Unix seconds."""
    users: tuple[str, ...] = ()
    """Ids of those who are disabled."""
    feeds: tuple[tuple[str, int | None, bytes], ...] = ()
    """Ids, since when they open nothing if they do not, and the hashes of their tokens."""


def revoked_in(path: Path, key: bytes | None) -> Callable[[Report], Revoked]:
    """Return what reads it from a database that nobody writes to, of whatever version."""
    return reader_of(path, key, _look, "what was revoked")


def _look(connection: Any, version: int) -> Revoked:
    if version < FIRST_VERSION:
        return Revoked()
    keys = connection.execute(
        "SELECT id, revoked_at FROM api_keys WHERE revoked_at IS NOT NULL ORDER BY id"
    )
    users = connection.execute("SELECT id FROM users WHERE status = 'disabled' ORDER BY id")
    feeds: list[Any] = []
    if version >= FIRST_WITH_FEEDS:
        feeds = connection.execute(
            "SELECT id, revoked_at, token_sha256 FROM feeds ORDER BY id"
        ).fetchall()
    return Revoked(
        api_keys=tuple((row[0], row[1]) for row in keys),
        users=tuple(row[0] for row in users),
        feeds=tuple((row[0], row[1], row[2]) for row in feeds),
    )


async def shut_out(work: Work, revoked: Revoked) -> None:
    """Sign everybody out of a restored store, and take away what was taken away before.

    One owner who can sign in stays, also if he was disabled: else nobody could let anybody in.
    """
    await work.sessions.remove_all()
    for key_id, revoked_at in revoked.api_keys:
        stored = await work.api_keys.get(key_id)
        if stored is not None and stored.key.revoked_at is None:
            await work.api_keys.revoke(key_id, revoked_at)
    for feed_id, ended_at, token_sha256 in revoked.feeds:
        feed = await work.feeds.get(feed_id)
        if feed is not None:
            # An address that it had before opens nothing either.
            at = None if ended_at is None else datetime.fromtimestamp(ended_at, UTC)
            await work.feeds.add(feed.model_copy(update={"revoked_at": at}), token_sha256)
    for user_id in revoked.users:
        await _disable(work, user_id)


async def _disable(work: Work, user_id: str) -> None:
    user = await work.users.get(user_id)
    if user is None or user.status is UserStatus.DISABLED:
        return
    had_owners = await work.users.active_owners()
    disabled = {"status": UserStatus.DISABLED, "version": user.version + 1}
    await work.users.put(user.model_copy(update=disabled))
    if had_owners and not await work.users.active_owners():
        await work.users.put(user)
