"""The sessions as rows, their refresh counters, and the keys that sign tokens."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.sessions import Session, SessionPage
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Row, Transaction

_TABLE = Table(Session, "sessions", noun="session")

Purpose = Literal["access", "refresh"]

_COLUMNS = (
    "id, user_id, client, audience, created_at, last_seen_at, password_at,"
    " family, counter, rotated_at_ms"
)

_BY_ID = f"SELECT {_COLUMNS} FROM sessions WHERE school_id = :school AND id = :id"  # noqa: S608 (our own columns)
_BY_FAMILY = f"SELECT {_COLUMNS} FROM sessions WHERE school_id = :school AND family = :family"  # noqa: S608 (our own columns)
_OF_USER = (
    f"SELECT {_COLUMNS} FROM sessions WHERE school_id = :school AND user_id = :user"  # noqa: S608 (our own columns)
    " ORDER BY created_at, id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session with what only the server knows of it; times in Unix seconds."""

    id: str
    user_id: str
    client: str
    audience: str
    created_at: int
    last_seen_at: int
    password_at: int
    family: bytes
    counter: int
    rotated_at_ms: int

    def shown(self) -> Session:
        """Return what others may see of it."""
        return Session(
            id=self.id,
            user_id=self.user_id,
            client=self.client,
            audience=self.audience,
            created_at=datetime.fromtimestamp(self.created_at, UTC),
            last_seen_at=datetime.fromtimestamp(self.last_seen_at, UTC),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that signs tokens."""

    kid: str
    secret: bytes = field(repr=False)
    created_at: int
    """In Unix seconds."""


class Sessions:
    """The sessions of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, session_id: str) -> StoredSession | None:
        """Return the session, or None."""
        return _stored(await self._tx.one(_BY_ID, id=session_id))

    async def of_family(self, family: bytes) -> StoredSession | None:
        """Return the session of a family of refresh tokens, or None."""
        return _stored(await self._tx.one(_BY_FAMILY, family=family))

    async def add(self, session: StoredSession) -> None:
        """Add a session."""
        self._tx.access_changed = True
        await self._put(session)

    async def rotate(self, session: StoredSession) -> None:
        """Note the newest refresh token, and that the session is in use."""
        await self._put(session)

    async def _put(self, session: StoredSession) -> None:
        await _TABLE.put(
            self._tx,
            session.shown(),
            password_at=session.password_at,
            family=session.family,
            counter=session.counter,
            rotated_at_ms=session.rotated_at_ms,
        )

    async def touch(self, session_id: str, now_seconds: int) -> None:
        """Note that it was used."""
        await self._tx.run(
            "UPDATE sessions SET last_seen_at = max(last_seen_at, :now)"
            " WHERE school_id = :school AND id = :id",
            id=session_id,
            now=now_seconds,
        )

    async def remove(self, session_id: str) -> bool:
        """End a session and tell whether there was one."""
        self._tx.access_changed = True
        if await _TABLE.get_encoded(self._tx, session_id) is None:
            return False
        await self._tx.run(
            "DELETE FROM sessions WHERE school_id = :school AND id = :id", id=session_id
        )
        if self._tx.changes is not None:
            self._tx.changes.write((_TABLE.noun, session_id), None)
        return True

    async def remove_all(self) -> None:
        """End every session."""
        rows = await self._tx.all("SELECT id FROM sessions WHERE school_id = :school ORDER BY id")
        for row in rows:
            await self.remove(row["id"])

    async def of_user(self, user_id: str) -> list[StoredSession]:
        """Return the user's sessions, the oldest first."""
        return [_whole(row) for row in await self._tx.all(_OF_USER, user=user_id)]

    async def forget_over(
        self, user_id: str, *, created_by: int, seen_by: int, seen_until: int
    ) -> None:
        """Remove the user's sessions that began or were last used too early, or after *seen_until*.

        Times are Unix seconds.
        """
        over = await self._tx.all(
            "SELECT id FROM sessions WHERE school_id = :school AND user_id = :user"
            " AND (created_at <= :created OR last_seen_at <= :seen OR last_seen_at > :until)"
            " ORDER BY created_at, id",
            user=user_id,
            created=created_by,
            seen=seen_by,
            until=seen_until,
        )
        for row in over:
            await self.remove(row["id"])

    async def list(
        self, user_id: str, *, created_after: int, seen_after: int, seen_until: int
    ) -> Encoded[SessionPage]:
        """Return the user's sessions that are not over, the last used first."""
        rows = await _TABLE.list_encoded(
            self._tx,
            where="user_id = :user AND created_at > :created"
            " AND last_seen_at > :seen AND last_seen_at <= :until",
            order="last_seen_at DESC, id",
            limit=100,
            user=user_id,
            created=created_after,
            seen=seen_after,
            until=seen_until,
        )
        return Encoded(page_of(rows, has_cursor=False))

    async def last_seen(self, *, at_most: int) -> int:
        """Return the latest time that any session was used, in Unix seconds: a clock's low mark.

        What is later than *at_most* was noted by a clock that was wrong, and does not count.
        """
        row = await self._tx.one(
            "SELECT coalesce(max(last_seen_at), 0) FROM sessions"
            " WHERE school_id = :school AND last_seen_at <= :most",
            most=at_most,
        )
        return int(row[0]) if row else 0

    async def signing_keys(self, purpose: Purpose) -> dict[str, bytes]:
        """Return the keys by their id, the newest last."""
        rows = await self._tx.all(
            "SELECT kid, secret FROM signing_keys WHERE school_id = :school AND purpose = :purpose"
            " ORDER BY created_at, kid",
            purpose=purpose,
        )
        return {row["kid"]: row["secret"] for row in rows}

    async def newest_signing_key(self, purpose: Purpose) -> SigningKey | None:
        """Return the key that signs now, if there is one yet."""
        row = await self._tx.one(
            "SELECT kid, secret, created_at FROM signing_keys"
            " WHERE school_id = :school AND purpose = :purpose"
            " ORDER BY created_at DESC, kid DESC LIMIT 1",
            purpose=purpose,
        )
        return SigningKey(**{name: row[name] for name in row.keys()}) if row else None  # noqa: SIM118 (a row iterates over its values)

    async def add_signing_key(
        self, kid: str, purpose: Purpose, secret: bytes, now_seconds: int
    ) -> None:
        """Let a key of 32 bytes sign from now on."""
        self._tx.access_changed = True
        await self._tx.run(
            "INSERT INTO signing_keys (school_id, kid, purpose, secret, created_at)"
            " VALUES (:school, :kid, :purpose, :secret, :now)",
            kid=kid,
            purpose=purpose,
            secret=secret,
            now=now_seconds,
        )

    async def drop_signing_keys(self, purpose: Purpose, *, but: tuple[str, str]) -> None:
        """Forget all keys of that purpose but two."""
        await self._tx.run(
            "DELETE FROM signing_keys"
            " WHERE school_id = :school AND purpose = :purpose AND kid NOT IN (:one, :other)",
            purpose=purpose,
            one=but[0],
            other=but[1],
        )


def _stored(row: Row | None) -> StoredSession | None:
    return _whole(row) if row else None


def _whole(row: Row) -> StoredSession:
    return StoredSession(**{name: row[name] for name in row.keys()})  # noqa: SIM118 (a row iterates over its values)
