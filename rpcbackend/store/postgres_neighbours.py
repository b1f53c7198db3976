"""The processes of one school on a server: they tell each other of commits, and one of them leads.

All of it hangs on one connection: who dies is gone from the moment on in which the server notices.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from hashlib import sha256
from typing import Any

import asyncpg

from rpcbackend.errors import UnavailableError
from rpcbackend.store.postgres_connections import FAILURES, Server
from rpcbackend.store.postgres_talk import Talk
from rpcbackend.store.postgres_writer import NEWS_OF_ACCESS, channel_of
from rpcbackend.store.transaction import Transaction

LOOK_SECONDS = 1.0
"""How often a connection that was lost is opened again, and it is tried to lead."""

SILENT_SECONDS = 10.0
"""After so long without a word the server ends the connection of a process, and it leads no more:
it hangs, or the network between them is gone, which the server would not notice for hours."""

ANSWER_SECONDS = 6.0
"""A server that does not answer for so long is given up; sooner than it gives up this process."""

# Locks of two numbers, of which the second is the school's; a writer's lock has one.
_PRESENT, _LEADS = 1, 2
_FIRST_NAME, _NAMES = 3, 2**31 - 3
"""Behind these two, one for whatever has a name; that two names share one is next to never."""

_CALLS = {
    "try": "SELECT pg_try_advisory_lock($1, $2)",
    "share": "SELECT pg_advisory_lock_shared($1, $2)",
    "unlock": "SELECT pg_advisory_unlock($1, $2)",
    "unshare": "SELECT pg_advisory_unlock_shared($1, $2)",
}

_HELD = """
SELECT classid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND objid = $1::bigint::oid
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_HOLDS = """
SELECT 1 FROM pg_locks
WHERE locktype = 'advisory' AND classid = :which AND objid = :school AND objsubid = 2 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid = :pid
"""


class Neighbours:
    """Keeps this process among those of its school.

    Args:
        server: Where to.
        school: Whose processes.
        is_ours: Tells whether the server's process of that number serves this one.
    """

    def __init__(self, server: Server, school: int, is_ours: Callable[[int], bool]) -> None:
        self._server, self._school, self._is_ours = server, school, is_ours
        self.on_news: Callable[[bool], None] = lambda is_access: None  # noqa: ARG005
        """Told on the loop that others have committed, and whether it changes who may come in."""
        self.on_lead: Callable[[], None] = lambda: None
        """Told on the loop that this process leads from now on."""
        self.on_silence: Callable[[], None] = lambda: None
        """Told on the loop that the server answers no more."""
        self.is_leader = False
        """Whether what one process does for all is this one's to do."""
        self.own_name = ""
        """See `Others.own_name`: the number of the server's process that it met first."""
        self.was_alone = False
        """Whether there was no other process when this one came."""
        self._under_way: set[int] = set()
        self._told: set[int] = set()
        """Of what is under way, what the present connection holds the locks of."""
        self._connection: asyncpg.Connection[Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._talk = Talk(school, self._wake.set)
        self.talk = self._talk.begin
        """See `Others.talk`."""

    async def join(self) -> None:
        """Begin to listen.

        Raises:
            UnavailableError: The server cannot be reached.
        """
        await self._connect()
        self._task = asyncio.get_running_loop().create_task(self._stay(), context=Context())

    async def leads(self, tx: Transaction) -> bool:
        """See `Others.leads`.

        One whose connection is gone may not know it yet, while another one leads already.
        """
        connection = self._connection
        if not self.is_leader or connection is None or connection.is_closed():
            return False
        pid = connection.get_server_pid()
        return await tx.one(_HOLDS, which=_LEADS, pid=pid) is not None

    async def leave(self) -> None:
        """Listen no more, and let another one lead."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._talk.end()
        self.is_leader = False
        if self._connection is not None:
            with suppress(*FAILURES):
                await self._connection.close(timeout=1.0)

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """See `Others.holding`; while the server cannot be reached nobody knows."""
        number = _number_of(name)
        self._under_way.add(number)
        self._wake.set()
        try:
            yield
        finally:
            self._under_way.discard(number)
            self._wake.set()

    async def held(self, names: Iterable[str]) -> set[str]:
        """See `Others.held`.

        Raises:
            UnavailableError: The server cannot be reached.
        """
        connection = await self._server.connect()
        try:
            rows = await connection.fetch(_HELD, self._school, timeout=ANSWER_SECONDS)
        except TimeoutError:
            raise UnavailableError("The database server does not answer.") from None
        finally:
            with suppress(*FAILURES):
                await connection.close(timeout=1.0)
        held = {row[0] for row in rows}
        return {name for name in names if _number_of(name) in held}

    async def _connect(self) -> None:
        connection = await self._server.connect(idle_session_timeout=f"{SILENT_SECONDS:.0f}s")
        self._told.clear()
        try:
            await connection.add_listener(channel_of(self._school), self._hear)
            await self._talk.join(connection)
            connection.add_termination_listener(lambda _: self._wake.set())
            # Nobody else has it, not even shared.
            self.was_alone = await self._lock(connection, "try", _PRESENT)
            await self._lock(connection, "share", _PRESENT)
            if self.was_alone:
                await self._lock(connection, "unlock", _PRESENT)
            await self._try_to_lead(connection)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        self.own_name = self.own_name or str(connection.get_server_pid())

    async def _try_to_lead(self, connection: "asyncpg.Connection[Any]") -> None:
        self.is_leader = await self._lock(connection, "try", _LEADS)
        if self.is_leader:
            self.on_lead()

    async def _lock(self, connection: "asyncpg.Connection[Any]", call: str, which: int) -> bool:
        # What waits for a lock returns nothing.
        return await connection.fetchval(_CALLS[call], which, self._school) is not False

    async def _stay(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    with suppress(UnavailableError, *FAILURES):
                        await self._look()
            except TimeoutError:
                self._give_up()

    def _give_up(self) -> None:
        """Let go of a connection on which nothing comes: another one may lead by now."""
        self.is_leader = False
        if self._connection is not None:
            self._connection.terminate()
        self.on_silence()

    async def _look(self) -> None:
        connection = self._connection
        if connection is None or connection.is_closed():
            self.is_leader, self._connection = False, None
            # What was not heard may have been anything, now and until it is heard again.
            self.on_news(True)
            # Else it would pile up for as long as the server is away.
            self._talk.forget()
            await self._connect()
            self.on_news(True)
        elif self.is_leader:
            # A word now and then: it is there.
            await connection.execute("SELECT 1")
        else:
            await self._try_to_lead(connection)
        if self._connection is not None:
            await self._tell(self._connection)
            await self._talk.tell(self._connection)

    async def _tell(self, connection: "asyncpg.Connection[Any]") -> None:
        for number in self._under_way - self._told:
            await self._lock(connection, "share", number)
            self._told.add(number)
        for number in self._told - self._under_way:
            await self._lock(connection, "unshare", number)
            self._told.discard(number)

    def _hear(self, _connection: object, pid: int, _channel: str, news: object) -> None:
        if not self._is_ours(pid):
            self.on_news(news == NEWS_OF_ACCESS)


def _number_of(name: str) -> int:
    return _FIRST_NAME + int.from_bytes(sha256(name.encode()).digest()[:8]) % _NAMES
