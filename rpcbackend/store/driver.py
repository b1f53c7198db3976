"""sqlcipher3 under aiosqlite: connections, pragmas, keys, and what its errors mean.

sqlcipher3 carries a current SQLite and encrypts; its errors are no `sqlite3.Error` (D4).
"""

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
import sqlcipher3

from rpcbackend.store.migrations import is_foreign, refuse_newer

Error: type[Exception] = sqlcipher3.Error
IntegrityError: type[Exception] = sqlcipher3.IntegrityError

PLAIN_HEADER = b"SQLite format 3\0"
"""First bytes of a database that is not encrypted."""

_ERROR, _BUSY, _IOERR, _CORRUPT, _FULL, _CONSTRAINT, _NOTADB = 1, 5, 10, 11, 13, 19, 26
_POISON = frozenset({_IOERR, _CORRUPT, _NOTADB})

LOG_BYTES = 4 * 1024 * 1024
"""Size to which the log's file is cut when it starts anew: it never shrinks by itself."""

_PRAGMAS = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
    # Only the writer checkpoints, and only when it has time (D3).
    "PRAGMA wal_autocheckpoint = 0",
)
_WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # NORMAL loses acknowledged rows in a power cut (reliability section 0, finding 2).
    "PRAGMA synchronous = FULL",
    f"PRAGMA journal_size_limit = {LOG_BYTES}",
    "PRAGMA secure_delete = ON",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
)


class WrongKeyError(Exception):
    """The key does not open the database, or the file is no database."""


class StorageFailedError(Exception):
    """The disk or the file under the database failed while it was opened, or it is not ours."""


class ServerRefusesError(Exception):
    """The server that keeps the database does not let us in; the message says what to do."""


class DamagedError(StorageFailedError):
    """The file is not what was written; it stays as it is."""


@dataclass(frozen=True, slots=True)
class Opener:
    """How a connection is opened, again and again if need be; called on its own thread."""

    path: Path | None
    """None for a database in memory."""
    key: bytes | None = field(repr=False)
    """32 bytes for SQLCipher, or None for a plain database."""
    may_write: bool
    """False for readers."""
    uri: str = ""
    """`mode=ro` leaves even the log alone; `immutable=1` takes it that nobody else is there."""

    def __call__(self) -> Any:
        """Open the connection.

        Raises:
            WrongKeyError: The file cannot be read with this key.
            StorageFailedError: It is another program's database; it stays as it is.
            SchemaTooNewError: A newer version of this program wrote it; it stays as it is.
        """
        if self.may_write and self.path and self.path.exists():
            # The last writer to close folds the log into the database, even one that could not
            # read either of them. So a stranger's key is tried where nothing can be written.
            _open(_uri_of(self.path, "mode=ro"), self.key, _check_fit, is_uri=True).close()
        if self.path and self.uri:
            return _open(_uri_of(self.path, self.uri), self.key, self._prepare, is_uri=True)
        return _open(str(self.path or ":memory:"), self.key, self._prepare)

    def with_key(self, key: bytes | None) -> "Opener":
        """Return the same with another key."""
        return replace(self, key=key)

    def _prepare(self, connection: Any) -> None:
        # Before the first pragma that writes.
        _check_file(connection)
        _run_all(connection, _PRAGMAS)
        _run_all(connection, _WRITER_PRAGMAS if self.may_write else ("PRAGMA query_only = ON",))


class Thread(aiosqlite.Connection):
    """An aiosqlite connection that runs whole functions on its thread.

    A statement a hop is slow and, when cancelled, leaves the connection inside somebody's
    transaction (D2); so whole units of work cross over, and their results come back by other ways.
    """

    def __init__(self, opener: Opener) -> None:
        super().__init__(opener, iter_chunk_size=64)
        self.opener = opener

    def post(self, function: Callable[[Any], None]) -> None:
        """Call *function* with the driver's connection soon, after what was posted before.

        Whatever it raises is lost: it has nobody to tell.
        """
        self._tx.put_nowait((None, partial(function, self._conn)))

    async def run(self, function: Callable[[Any], object]) -> None:
        """Do the same, wait until it has returned, and raise what it raised."""
        await self._execute(function, self._conn)  # type: ignore[no-untyped-call]  # aiosqlite's own

    async def twin(self) -> "Thread":
        """Open another connection of this kind to the same database.

        Raises:
            WrongKeyError: The file is no database any more.
        """
        return await _start(Thread(self.opener))

    async def put_down(self) -> None:
        """Close the connection and keep its thread, for `take_up`."""
        await self.run(lambda connection: connection.close())

    async def take_up(self, opener: Opener) -> None:
        """Open another connection on this thread, in the place of the one that was put down.

        Raises:
            WrongKeyError: The file cannot be read with this key.
            Error: It is not there any more; none is made in its place.
        """
        there = replace(opener, uri=opener.uri or "mode=rw")
        # aiosqlite asks for a connection, and the closed one will do.
        self._connection = await self._execute(there)  # type: ignore[no-untyped-call]  # aiosqlite's own
        self.opener = opener

    def join(self) -> None:
        """Wait for the end of a thread whose connection could not be opened.

        aiosqlite tells it to stop and goes on; a loop that ended meanwhile would break it.
        """
        self._thread.join()


async def take_up_all(connections: Iterable[Thread], key: bytes | None) -> None:
    """Open all that were put down, each of them whatever becomes of the others.

    Raises:
        StorageFailedError: One could not be opened, and whoever waits for it would do so for ever.
    """
    failure: Exception | None = None
    for connection in connections:
        try:
            await connection.take_up(connection.opener.with_key(key))
        except Exception as error:  # noqa: BLE001 (told below, when all the others are open)
            failure = error
    if failure is not None:
        raise StorageFailedError("the database cannot be opened again") from failure


async def connect(
    path: Path | None, key: bytes | None, *, may_write: bool, uri: str = ""
) -> Thread:
    """Open a connection, and the thread that owns it; see `Opener`.

    Raises:
        WrongKeyError: The file cannot be read with this key.
        StorageFailedError: It is another program's database; it stays as it is.
    """
    return await _start(Thread(Opener(path, key, may_write, uri)))


async def _start(connection: Thread) -> Thread:
    try:
        await connection
    except BaseException:
        connection.join()
        raise
    return connection


def open_still(path: Path, key: bytes | None) -> Any:
    """Open a database that nobody uses, on this thread, to read it without changing a byte.

    Raises:
        WrongKeyError: The file cannot be read with this key.
        StorageFailedError: It is another program's database.
    """

    def prepare(connection: Any) -> None:
        _check_file(connection)
        _run_all(connection, _PRAGMAS)

    # Without a log SQLite would make one to read a file in WAL mode.
    how = "mode=ro" if has_log(path) else "mode=ro&immutable=1"
    return _open(f"{path.absolute().as_uri()}?{how}", key, prepare, is_uri=True)


def open_stage(path: Path, key: bytes | None) -> Any:
    """Open a file that is worth nothing yet, on this thread; whoever fills it makes it durable."""

    def prepare(connection: Any) -> None:
        _run_all(connection, ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF"))

    return _open(str(path), key, prepare)


def has_log(path: Path) -> bool:
    """Tell whether something stands in a write-ahead log beside the database."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


FAILURES = (Error, StorageFailedError, WrongKeyError, UnicodeDecodeError)
"""What opening a connection may fail with."""


def fold_log(connection: Any) -> bool:
    """Move all of the log into the database, durably, and tell whether nobody was in the way."""
    return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def is_poison(error: BaseException) -> bool:
    """Tell whether the storage under the database failed: nothing after it can be trusted."""
    return _primary_code(error) in _POISON


def is_damage(error: BaseException) -> bool:
    """Tell whether the file is not what it was, or cannot be read any more."""
    kinds = WrongKeyError | StorageFailedError | UnicodeDecodeError
    return is_poison(error) or isinstance(error, kinds)


def is_corrupt(error: BaseException) -> bool:
    """Tell whether the file itself is at fault, not the disk under it."""
    return _primary_code(error) in (_CORRUPT, _NOTADB)


def is_value_error(error: BaseException) -> bool:
    """Tell whether a statement could not be run to its end with the values that it met."""
    return _primary_code(error) == _ERROR


def is_refusal(error: BaseException) -> bool:
    """Tell whether a rule of the tables refused a statement, and nothing else was amiss."""
    return _primary_code(error) == _CONSTRAINT


def is_busy(error: BaseException) -> bool:
    """Tell whether another process held the database for longer than we wait."""
    return _primary_code(error) == _BUSY


def is_full(error: BaseException) -> bool:
    """Tell whether there was no room for a write, to the database or to another file."""
    return _primary_code(error) == _FULL or getattr(error, "errno", None) == errno.ENOSPC


def _primary_code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _open(
    name: str, key: bytes | None, prepare: Callable[[Any], None], *, is_uri: bool = False
) -> Any:
    connection = sqlcipher3.connect(name, uri=is_uri, isolation_level=None, cached_statements=256)
    connection.row_factory = sqlcipher3.Row
    try:
        # It would write to stderr past our sink, and wait for whoever reads that.
        connection.execute("PRAGMA cipher_log_level = NONE").fetchall()
        if key is not None:
            connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _uri_of(path: Path, parameters: str) -> str:
    return f"{path.absolute().as_uri()}?{parameters}"


def _check_file(connection: Any) -> None:
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except Error as error:
        if _primary_code(error) == _NOTADB:
            raise WrongKeyError("the key does not open this database") from None
        raise
    if is_foreign(connection):
        raise StorageFailedError("the file is another program's database")


def _check_fit(connection: Any) -> None:
    _check_file(connection)
    # A newer program may have left its log for good reasons.
    refuse_newer(connection)


def _run_all(connection: Any, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(statement).fetchall()
