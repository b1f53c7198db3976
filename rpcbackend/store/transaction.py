"""A unit of work and what it sees of the database: SQL in, rows out, on any engine."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Literal, Protocol, TypeVar

from rpcbackend.store.changes import Changes

T = TypeVar("T")

Mark = tuple[int, bytes]
"""A row of the audit, by its number and hash: no other transaction leaves the same."""

Dialect = Literal["sqlite", "postgres"]

Report = Callable[[int, int, str], None]
"""Takes steps done, steps in all, and what comes now; called on the loop."""


class Row(Protocol):
    """One row; columns by name or position."""

    def __getitem__(self, key: str | int, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def keys(self) -> list[str]:
        """List the column names."""
        ...


class Transaction(Protocol):
    """The statements of one unit of work; `:school` is always bound.

    Parameters are named, `:name` in the SQL and a keyword here.
    """

    access_changed: bool
    """Set by whoever changes who may come in, so that it is noticed at once."""
    dialect: Dialect
    """What the database speaks; all statements are SQLite's, see `dialect.read`."""
    school: int
    touched: set[str]
    """Where whoever writes notes what is another from now on; see `Tags`."""
    mark: Mark | None
    """The last row of the audit that the unit leaves."""
    changes: Changes | None
    """Where tables note what a command reads and changes; None when nobody wants to know."""

    async def one(self, sql: str, /, **params: Any) -> Row | None:
        """Return the first row, if any."""
        ...

    async def all(self, sql: str, /, **params: Any) -> list[Row]:
        """Return every row."""
        ...

    async def run(self, sql: str, /, **params: Any) -> int:
        """Run a change and return the number of rows it touched."""
        ...

    async def offer(self, sql: str, /, **params: Any) -> bool:
        """Run an insert and tell whether no other row was in its way; the unit can go on."""
        ...

    async def later(self, sql: str, /, **params: Any) -> None:
        """Run a change of what nothing else in the unit asks for or changes, at its end."""
        ...

    async def together(self, *units: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run units that need nothing of each other, and return what each returned.

        On a server they share round trips, so none sees what another one changes. The first that
        fails ends all.
        """
        ...


class UnitSuspendedError(RuntimeError):
    """A unit of work waited for something other than its transaction."""


def drive(unit: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose awaits never suspend, without a loop (architecture D2).

    Raises:
        UnitSuspendedError: It did suspend: a unit must not wait for anything but its database.
    """
    try:
        unit.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # typeshed: StopIteration.value is Any
    except asyncio.CancelledError:
        # Of something it awaited: on this thread there is nobody who could cancel the unit itself.
        raise UnitSuspendedError("a unit of work awaited something that was cancelled") from None
    unit.close()
    raise UnitSuspendedError("a unit of work awaited something outside its transaction")
