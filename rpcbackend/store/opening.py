"""How a database is opened: made, migrated, unlocked, as it is, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rpcbackend.clock import Clock, SystemClock
from rpcbackend.errors import OutcomeUnknownError
from rpcbackend.ids import Ids
from rpcbackend.schema.system import ReadOnlyReason
from rpcbackend.store.as_it_is import IMMUTABLE, copy_aside, forget_copy
from rpcbackend.store.driver import (
    DamagedError,
    Error,
    Opener,
    StorageFailedError,
    has_log,
    is_corrupt,
    is_damage,
)
from rpcbackend.store.files import (
    FILE_NAME,
    has_data,
    is_unwritable,
    keep_private,
    leave_trace,
    make_private,
    prepare_new,
    put_in_place,
    size_of,
)
from rpcbackend.store.migrations import SchemaOldError
from rpcbackend.store.snapshot import save_old
from rpcbackend.store.sqlite import SqliteEngine
from rpcbackend.store.start import is_large, look_over
from rpcbackend.store.store import Store, T, Unit, find_heads
from rpcbackend.store.tags import Tags
from rpcbackend.store.work import Work


async def open_store(
    directory: Path | None,
    *,
    key: bytes | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    school: int = 1,
    on_poison: Callable[[], None] = lambda: None,
    read_only: ReadOnlyReason | None = None,
) -> Store:
    """Open the database of a data directory, made and migrated as needed.

    Args:
        directory: Made private to its owner if it is not there; None keeps everything in memory.
        key: 32 bytes encrypt the database; None leaves a new one plain.
        clock: Gives the times of records.
        ids: Makes the ids of records.
        school: Comes first in every key.
        on_poison: Told when the storage failed: the process must end.
        read_only: Why nothing may be written; the files then stay as they are.

    Raises:
        WrongKeyError: The database cannot be read with this key.
        SchemaTooNewError: A newer version of this program wrote it.
        DamagedError: It is not as it was written.
        StorageFailedError: The disk or the file failed, or it is another program's database.
        DiskFullError: A migration is due, and there is no room for the backup before it.
        BackupInvalidError: A migration is due, and the backup before it failed.
        OSError: The directory cannot be made or written.
    """
    clock = clock or SystemClock()
    if directory is not None and read_only is None and is_unwritable(directory):
        read_only = "file_system"
    is_suspect = False
    if directory is None:
        engine = await _open(None, key, school, clock)
    elif read_only is not None:
        engine = await _open_as_it_is(directory / FILE_NAME, key, school, clock)
    else:
        path = await _prepare(directory, key, school, clock)
        await look_over(path, key)
        is_suspect = has_log(path) and is_large(path, key)
        engine = await _open(path, key, school, clock, save=save_old)
    engine.read_only = read_only
    store = Store(engine, clock=clock, ids=ids or Ids(clock))
    store.is_suspect, store.directory = is_suspect, directory
    async with _closed_on_failure(engine):
        store.head_seq, store.audit_head = await store.read(find_heads)
        store.tags = Tags(f"{store.audit_head.hash.hex()}.{clock.now_ms()}")
        if directory is not None and read_only is None:
            leave_trace(directory)
    # Until here a failure is raised to the caller, who decides; from here on it is told.
    engine.on_poison = on_poison
    return store


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a school's part of a database is that a server keeps."""

    url: str = field(repr=False)
    """`postgresql://…`, with user and password."""
    school: int = 1
    """Comes first in every key."""
    readers: int = 4
    """How many connections reads may take; a server has some 100 for all processes."""


async def open_server_store(
    place: Place,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    read_only: ReadOnlyReason | None = None,
    may_be_unfinished: bool = False,
) -> Store:
    """Open a school's part of a database that a PostgreSQL server keeps, migrated as needed.

    Args:
        place: Where it is, and whose part.
        clock: Gives the times of records.
        ids: Makes the ids of records.
        read_only: Why nothing may be written.
        may_be_unfinished: Whether a copy into it may have been cut short; see `copying`.

    Raises:
        UnavailableError: The server cannot be reached.
        ServerRefusesError: It does not let us in, or not do what we must.
        StorageFailedError: A copy into it was cut short.
        SchemaTooNewError: A newer version of this program wrote it.
    """
    from rpcbackend.store.postgres import PostgresEngine  # noqa: PLC0415 (its driver costs 60 ms)

    clock = clock or SystemClock()
    ids = ids or Ids(clock)
    engine = PostgresEngine(place.url, school=place.school, readers=place.readers)
    engine.read_only = read_only
    store = Store(engine, clock=clock, ids=ids)
    # Before anybody looks: what is told meanwhile is not missed.
    engine.neighbours.on_news, engine.neighbours.on_lead = store.hear, store.lead
    try:
        await engine.open(clock.now_ms())
        if not may_be_unfinished:
            await store.read(_refuse_unfinished)
        await store.catch_up()
    except BaseException:
        await store.close()
        raise
    store.tags = Tags(f"{store.audit_head.hash.hex()}.{clock.now_ms()}")
    return store


async def _refuse_unfinished(work: Work) -> None:
    mark = "SELECT 1 FROM unfinished_copies WHERE school_id = :school"
    if await work.tx.one(mark) is not None:
        raise StorageFailedError("a copy into it is not finished")


async def migrate_and_write(
    path: Path, unit: Unit[T], *, key: bytes | None, clock: Clock, actor: str, school: int = 1
) -> T:
    """Bring a database up to date that nobody uses, write into it, and close it.

    Raises:
        SchemaTooNewError: A newer version of this program wrote it.
        StorageFailedError: The disk or the file failed.
    """
    engine = await _open(path, key, school, clock)
    async with _closed_on_failure(engine):
        result = await Store(engine, clock=clock, ids=Ids(clock)).write(unit, actor=actor)
    await engine.close()
    if has_log(path):
        raise StorageFailedError("what was written is not in the file")
    return result


async def _prepare(directory: Path, key: bytes | None, school: int, clock: Clock) -> Path:
    make_private(directory)
    if not has_data(directory):
        new = prepare_new(directory)
        await (await _open(new, key, school, clock)).close()
        put_in_place(new)
    path = directory / FILE_NAME
    keep_private(path)
    return path


async def _open_as_it_is(path: Path, key: bytes | None, school: int, clock: Clock) -> SqliteEngine:
    """Open a database that stays as it is: in its place, or a copy where its log is wanted."""
    if not size_of(path):
        raise StorageFailedError(f"there is no {path.name}")
    if not has_log(path):
        with suppress(SchemaOldError):
            return await _open(path, key, school, clock, uri=IMMUTABLE)
    # Folding the log in and migrating is done to the copy.
    copy = await asyncio.to_thread(copy_aside, path)
    try:
        engine = await _open(copy, key, school, clock)
    except BaseException:
        forget_copy(copy)
        raise
    engine.on_close = partial(forget_copy, copy)
    return engine


async def _open(
    path: Path | None,
    key: bytes | None,
    school: int,
    clock: Clock,
    *,
    save: Callable[[Opener, int], None] | None = None,
    uri: str = "",
) -> SqliteEngine:
    engine = SqliteEngine(path, school=school)
    async with _closed_on_failure(engine):
        await engine.open(key, clock.now_ms(), save, uri=uri)
    return engine


@asynccontextmanager
async def _closed_on_failure(engine: SqliteEngine) -> AsyncIterator[None]:
    try:
        yield
    except BaseException as error:
        # An engine that is left open keeps the process alive for ever.
        cause = error.__cause__ or error if isinstance(error, OutcomeUnknownError) else error
        engine.must_stay = is_damage(cause)
        await engine.close()
        # A damaged schema is quoted in the driver's message, which is then no UTF-8.
        if isinstance(cause, UnicodeDecodeError) or is_corrupt(cause):
            raise DamagedError("the database is damaged") from cause
        if isinstance(cause, Error):
            raise StorageFailedError(str(cause)) from cause
        raise
