"""The statements of one unit of work on a SQLite connection."""

from typing import Any

from rpcbackend.store.changes import Changes
from rpcbackend.store.transaction import Row


class SqliteTransaction:
    """The statements of one unit, run where they are called: nothing here ever suspends."""

    __slots__ = ("_connection", "access_changed", "changes", "school", "touched")

    def __init__(self, connection: Any, school: int) -> None:
        self._connection = connection
        self.school = school
        self.access_changed = False
        self.touched: set[str] = set()
        self.changes: Changes | None = None

    async def one(self, sql: str, /, **params: Any) -> Row | None:
        """Return the first row, if any."""
        params["school"] = self.school
        return self._connection.execute(sql, params).fetchone()  # type: ignore[no-any-return]  # the driver is untyped

    async def all(self, sql: str, /, **params: Any) -> list[Row]:
        """Return every row."""
        params["school"] = self.school
        return self._connection.execute(sql, params).fetchall()  # type: ignore[no-any-return]  # the driver is untyped

    async def run(self, sql: str, /, **params: Any) -> int:
        """Run a change and return the number of rows it touched."""
        params["school"] = self.school
        return self._connection.execute(sql, params).rowcount  # type: ignore[no-any-return]  # the driver is untyped
