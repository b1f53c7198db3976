"""The statements of one unit of work on a SQLite connection."""

from collections.abc import Coroutine
from typing import Any

from rpcbackend.store import driver
from rpcbackend.store.changes import Changes
from rpcbackend.store.transaction import Dialect, Mark, Row


class SqliteTransaction:
    """The statements of one unit, run where they are called: nothing here ever suspends."""

    __slots__ = ("_connection", "access_changed", "changes", "mark", "school", "touched")

    dialect: Dialect = "sqlite"

    def __init__(self, connection: Any, school: int) -> None:
        self._connection = connection
        self.school = school
        self.access_changed = False
        self.touched: set[str] = set()
        self.mark: Mark | None = None
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

    async def offer(self, sql: str, /, **params: Any) -> bool:
        """Run an insert and tell whether no other row was in its way; the unit can go on."""
        try:
            await self.run(sql, **params)
        except driver.Error as error:
            if not driver.is_refusal(error):
                raise
            return False
        return True

    async def later(self, sql: str, /, **params: Any) -> None:
        """Run a change now: here it costs no round trip."""
        await self.run(sql, **params)

    async def together(self, *units: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run units one after the other, and return what each returned."""
        try:
            return [await unit for unit in units]
        finally:
            # Behind one that failed, the others do not begin.
            for unit in units:
                unit.close()
