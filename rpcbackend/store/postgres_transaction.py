"""The statements of one unit of work on a PostgreSQL connection."""

from collections.abc import Coroutine, Sequence
from itertools import takewhile
from typing import Any

from asyncpg import Connection, IntegrityConstraintViolationError

from rpcbackend.store import dialect, driver
from rpcbackend.store.changes import Changes
from rpcbackend.store.postgres_together import Bundle, Request, Wanted, combine, take_apart
from rpcbackend.store.transaction import Dialect, Mark, Row, UnitSuspendedError


class PostgresTransaction:
    """The statements of one unit, each a round trip to the server unless they go together."""

    __slots__ = (
        "_connection",
        "_depth",
        "_later",
        "access_changed",
        "changes",
        "mark",
        "school",
        "touched",
    )

    dialect: Dialect = "postgres"

    def __init__(self, connection: "Connection[Any]", school: int) -> None:
        self._connection = connection
        self._depth = 0
        self._later: list[Request] = []
        self.school = school
        self.access_changed = False
        self.touched: set[str] = set()
        self.mark: Mark | None = None
        self.changes: Changes | None = None

    async def one(self, sql: str, /, **params: Any) -> Row | None:
        """Return the first row, if any."""
        row: Row | None = await self._ask(self._read(sql, params))
        return row

    async def all(self, sql: str, /, **params: Any) -> list[Row]:
        """Return every row."""
        rows: list[Row] = await self._ask(self._read(sql, params, Wanted.ROWS))
        return rows

    async def run(self, sql: str, /, **params: Any) -> int:
        """Run a change and return the number of rows it touched."""
        count: int = await self._ask(self._read(sql, params, Wanted.COUNT))
        return count

    async def offer(self, sql: str, /, **params: Any) -> bool:
        """Run an insert and tell whether no other row was in its way; the unit can go on."""
        return await self.run(f"{sql.rstrip()} ON CONFLICT DO NOTHING", **params) == 1

    async def later(self, sql: str, /, **params: Any) -> None:
        """Run a change at the end of the unit, together with all others of this kind."""
        self._later.append(self._read(sql, params, Wanted.COUNT))

    async def together(self, *units: Coroutine[Any, Any, Any]) -> list[Any]:
        """Run units that need nothing of each other, in as many round trips as the longest has."""
        results: list[Any] = [None] * len(units)
        waiting: dict[int, Bundle] = {}
        try:
            for place, unit in enumerate(units):
                self._go_on(place, unit, None, results, waiting)
            while waiting:
                places = list(waiting.items())
                requests = [each for _, bundle in places for each in bundle.requests]
                answers = iter(await self._ask_all(requests))
                waiting.clear()
                for place, bundle in places:
                    given = [next(answers) for _ in bundle.requests]
                    self._go_on(place, units[place], given, results, waiting)
        finally:
            # Whoever is not at his end will not come to it.
            for unit in units:
                unit.close()
        return results

    def _go_on(
        self,
        place: int,
        unit: Coroutine[Any, Any, Any],
        given: list[Any] | None,
        results: list[Any],
        waiting: dict[int, Bundle],
    ) -> None:
        """Let a unit run until it asks for something, or ends."""
        self._depth += 1
        try:
            asked = unit.send(given)
        except StopIteration as stop:
            results[place] = stop.value
            return
        finally:
            self._depth -= 1
        if not isinstance(asked, Bundle):
            raise UnitSuspendedError("what goes together waits for nothing but the transaction")
        waiting[place] = asked

    async def settle(self, *more: Request) -> list[Any]:
        """Do what was to be done later, and this; return the answers to this."""
        requests, self._later = [*self._later, *more], []
        answers: list[Any] = []
        while requests:
            # One that is there twice may build on what it did the first time.
            texts = [each.sql for each in requests]
            new = [text not in texts[:place] for place, text in enumerate(texts)]
            count = len(list(takewhile(bool, new)))
            answers += await self._ask_all(requests[:count])
            requests = requests[count:]
        return answers[len(answers) - len(more) :]

    def _read(self, sql: str, params: dict[str, Any], wanted: Wanted = Wanted.ROW) -> Request:
        params["school"] = self.school
        nothing = frozenset(name for name in dialect.asked(sql) if params.get(name) is None)
        statement = dialect.read(sql, nothing)
        values = tuple(params[name] for name in statement.names)
        return Request(statement.sql, values, wanted)

    async def _ask(self, request: Request) -> Any:
        return (await self._ask_all([request]))[0]

    async def _ask_all(self, requests: Sequence[Request]) -> list[Any]:
        if self._depth:
            return await Bundle(requests)
        shared = [each for each in requests if each.wanted is not Wanted.ROWS]
        if not shared[1:]:
            return [await self._ask_alone(request) for request in requests]
        sql, values = combine(shared)
        (record,) = await self._fetch(Request(sql, tuple(values)))
        answers = iter(take_apart(record, shared))
        return [
            await self._ask_alone(each) if each.wanted is Wanted.ROWS else next(answers)
            for each in requests
        ]

    async def _ask_alone(self, request: Request) -> Any:
        match request.wanted:
            case Wanted.COUNT:
                return await self._execute(request)
            case Wanted.ROWS:
                return await self._fetch(request)
            case Wanted.ROW:
                return [*await self._fetch(request, is_one=True), None][0]

    async def _fetch(self, request: Request, *, is_one: bool = False) -> list[Row]:
        try:
            if is_one:
                row = await self._connection.fetchrow(request.sql, *request.values)
                return [] if row is None else [row]
            rows: list[Row] = await self._connection.fetch(request.sql, *request.values)
        except IntegrityConstraintViolationError as error:
            # A refusal has one name, whoever refuses.
            raise driver.IntegrityError(str(error)) from error
        return rows

    async def _execute(self, request: Request) -> int:
        try:
            status = await self._connection.execute(request.sql, *request.values)
        except IntegrityConstraintViolationError as error:
            raise driver.IntegrityError(str(error)) from error
        # Such as `INSERT 0 1` or `UPDATE 3`; what changes no row says none.
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0
