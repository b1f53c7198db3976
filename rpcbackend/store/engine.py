"""What the store asks of an engine: units of work, and how it is. What a file has is not in it."""

from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from rpcbackend.schema.system import ReadOnlyReason
from rpcbackend.store.checks import Finding
from rpcbackend.store.files import StoreFacts
from rpcbackend.store.lane import LaneFacts
from rpcbackend.store.transaction import Report, Transaction

Work = Callable[[Transaction], Coroutine[Any, Any, Any]]


class Queue(Protocol):
    """Where units wait for a connection."""

    def facts(self) -> LaneFacts:
        """Return what it has to do, and what it did so far."""
        ...


class Opener(Protocol):
    """Opens a connection on the thread that calls it."""

    @property
    def path(self) -> Path | None:
        """The file, if there is one."""
        ...

    def __call__(self) -> Any:
        """Open it: with `execute`, and `close`."""
        ...


class Others(Protocol):
    """The other processes of the school, and what each process has under way."""

    @property
    def own_name(self) -> str:
        """Tells what is this process's alone from what is another's; empty where there is none."""
        ...

    def holding(self, name: str) -> AbstractContextManager[None]:
        """Let all of them know that what has this name is under way here; nothing waits for it."""
        ...

    async def held(self, names: Iterable[str]) -> set[str]:
        """Return those of the names that are under way in any process, this one's too."""
        ...

    async def leads(self, tx: Transaction) -> bool:
        """Tell, within a write, whether this process leads, and not just thinks so."""
        ...

    def talk(
        self, take: Callable[[], Iterable[str]], hear: Callable[[str], None]
    ) -> Callable[[], None]:
        """Tell the others something about once a second, and hear them; none of it is kept.

        Args:
            take: Returns what is to be told, in messages of less than 8,000 bytes.
            hear: Told on the loop what another one tells.

        Returns:
            What lets it be told sooner.
        """
        ...


class NoOthers:
    """Of a database that one process has."""

    own_name = ""

    def holding(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002 (the form)
        """Tell nobody."""
        return nullcontext()

    async def held(self, names: Iterable[str]) -> set[str]:  # noqa: ARG002 (the form)
        """Know of nothing."""
        return set()

    async def leads(self, tx: Transaction) -> bool:  # noqa: ARG002 (the form)
        """Tell that nobody else can."""
        return True

    def talk(
        self,
        take: Callable[[], Iterable[str]],  # noqa: ARG002 (the form)
        hear: Callable[[str], None],  # noqa: ARG002 (the form)
    ) -> Callable[[], None]:
        """Talk to nobody."""
        return lambda: None


class Engine(Protocol):
    """Runs units of work on the database of one school, or on the part of it that is one school's.

    There are two: `SqliteEngine` and `PostgresEngine`.
    """

    name: str
    is_shared: bool
    """Whether other processes may write to the database as well."""
    school: int
    is_encrypted: bool
    schema_version: int
    migrated_from: int
    """The version that was found; 0 for a new database."""
    read_only: ReadOnlyReason | None
    """Why nothing is written, while nothing is."""
    is_damaged: bool
    failure: str
    """What failed, in the database's words, once something has."""
    on_poison: Callable[[], None]
    """Told when nothing can be trusted any more: the process must end (74)."""

    @property
    def is_leader(self) -> bool:
        """Whether what one process does for all, such as schedules, is this one's to do."""
        ...

    @property
    def was_alone(self) -> bool:
        """Whether no other process was there when this one came: what runs is left behind."""
        ...

    @property
    def opener(self) -> Opener:
        """How long work gets a connection of its own."""
        ...

    @property
    def others(self) -> Others:
        """Those that serve the same school."""
        ...

    @property
    def writer(self) -> Queue:
        """Where writes wait."""
        ...

    @property
    def reader(self) -> Queue:
        """Where reads wait; the same as the writer where one connection serves both."""
        ...

    async def read(self, work: Work) -> Any:
        """Run *work* on one snapshot."""
        ...

    async def write(self, work: Work, *, keep: bool) -> Any:
        """Run *work* as one transaction and return when it is durable; or take it back.

        Raises:
            OutcomeUnknownError: The storage failed, and with outcome `none` nothing was changed.
            ReadOnlyModeError: Nothing is written for now.
            UnavailableError: The database cannot be reached; nothing was changed.
        """
        ...

    async def look_through(self, report: Report) -> list[Finding]:
        """Read the whole database, and return what is not as it must be."""
        ...

    def facts(self) -> StoreFacts:
        """Return sizes and counts."""
        ...

    async def close(self) -> None:
        """Finish what is queued and close every connection."""
        ...
