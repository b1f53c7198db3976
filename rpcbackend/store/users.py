"""The users as rows; their secrets stand apart."""

import unicodedata
from typing import Any

from rpcbackend.schema.base import Encoded
from rpcbackend.schema.users import ListUsers, User, UserPage
from rpcbackend.store.table import Table, page_of
from rpcbackend.store.transaction import Transaction

MOST = 1_000


def login_key(login: str) -> str:
    """Write a login as logins are compared: case and the forms of a letter do not matter."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", login.strip()).casefold())


def _more_columns(user: User) -> dict[str, Any]:
    return {"login_key": login_key(user.login)}


_TABLE = Table(User, "users", noun="user", more_columns=_more_columns)


class Users:
    """The users of one school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def any(self) -> bool:
        """Tell whether there is a user at all."""
        return (
            await self._tx.one("SELECT 1 FROM users WHERE school_id = :school LIMIT 1") is not None
        )

    async def get(self, user_id: str) -> User | None:
        """Return the user, or None."""
        return await _TABLE.get(self._tx, user_id)

    async def require(self, user_id: str) -> User:
        """Return the user; see `Table.require`."""
        return await _TABLE.require(self._tx, user_id)

    async def find(self, login: str) -> User | None:
        """Return the user of that login, or None."""
        row = await self._tx.one(
            "SELECT id FROM users WHERE school_id = :school AND login_key = :key",
            key=login_key(login),
        )
        return await self.get(row["id"]) if row else None

    async def put(self, user: User) -> None:
        """Add the user, or replace the one with his id."""
        self._tx.access_changed = True
        await _TABLE.put(self._tx, user)

    async def list(self, wanted: ListUsers) -> Encoded[UserPage]:
        """Return those who fit, by login."""
        rows = await _TABLE.list_encoded(
            self._tx,
            where="(:role IS NULL OR :role IN (SELECT value FROM json_each(roles)))"
            " AND (:status IS NULL OR status = :status)",
            order="login_key, id",
            limit=MOST,
            role=wanted.role,
            status=wanted.status,
        )
        return Encoded(page_of(rows, has_cursor=False))

    async def active_owners(self) -> int:
        """Return how many owners can sign in: active ones who have a password."""
        row = await self._tx.one(
            "SELECT count(*) FROM users JOIN credentials USING (school_id)"
            " WHERE school_id = :school AND user_id = id AND password_hash IS NOT NULL"
            " AND status = 'active' AND 'owner' IN (SELECT value FROM json_each(roles))"
        )
        return int(row[0]) if row else 0
