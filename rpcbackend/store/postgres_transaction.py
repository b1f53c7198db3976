"""The statements of one unit of work on a PostgreSQL connection."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from asyncpg import Connection, IntegrityConstraintViolationError

from rpcbackend.store import dialect, driver
from rpcbackend.store.changes import Changes
from rpcbackend.store.transaction import Dialect, Row

T = TypeVar("T")


class PostgresTransaction:
    """The statements of one unit, each a round trip to the server."""

    __slots__ = ("_connection", "access_changed", "changes", "school", "touched")

    dialect: Dialect = "postgres"

    def __init__(self, connection: "Connection[Any]", school: int) -> None:
        self._connection = connection
        self.school = school
        self.access_changed = False
        self.touched: set[str] = set()
        self.changes: Changes | None = None

    async def one(self, sql: str, /, **params: Any) -> Row | None:
        """Return the first row, if any."""
        row: Row | None = await self._ask(self._connection.fetchrow, sql, params)
        return row

    async def all(self, sql: str, /, **params: Any) -> list[Row]:
        """Return every row."""
        rows: list[Row] = await self._ask(self._connection.fetch, sql, params)
        return rows

    async def run(self, sql: str, /, **params: Any) -> int:
        """Run a change and return the number of rows it touched."""
        status: str = await self._ask(self._connection.execute, sql, params)
        # Such as `INSERT 0 1` or `UPDATE 3`; what changes no row says none.
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    async def offer(self, sql: str, /, **params: Any) -> bool:
        """Run an insert and tell whether no other row was in its way; the unit can go on."""
        return await self.run(f"{sql.rstrip()} ON CONFLICT DO NOTHING", **params) == 1

    async def _ask(
        self, ask: Callable[..., Awaitable[Any]], sql: str, params: dict[str, Any]
    ) -> Any:
        params["school"] = self.school
        nothing = frozenset(name for name in dialect.asked(sql) if params.get(name) is None)
        statement = dialect.read(sql, nothing)
        try:
            return await ask(statement.sql, *[params[name] for name in statement.names])
        except IntegrityConstraintViolationError as error:
            # A refusal has one name, whoever refuses.
            raise driver.IntegrityError(str(error)) from error
