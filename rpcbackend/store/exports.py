"""Write what a school has into a file that leaves the store: one snapshot, record by record.

The file has another name until it is whole and durable, and never takes the place of one that is
there. It is not encrypted: whoever wants it, wants to read it elsewhere.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from rpcbackend.errors import DiskFullError, DuplicateError, FileRefusedError, OutcomeUnknownError
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.audit import AuditRow
from rpcbackend.schema.base import WireModel
from rpcbackend.schema.exports import Exported, ExportFormat, ExportKind
from rpcbackend.schema.instructors import Instructor
from rpcbackend.schema.lessons import Lesson
from rpcbackend.schema.students import Student
from rpcbackend.schema.vehicles import Vehicle
from rpcbackend.store import audit, driver, lessons
from rpcbackend.store.as_it_is import own_file
from rpcbackend.store.beside import run_beside
from rpcbackend.store.engine import Engine, Opener
from rpcbackend.store.files import open_private
from rpcbackend.store.json_sql import json_object
from rpcbackend.store.placing import check_place, name_whole, put_in_place, tidy
from rpcbackend.store.sheets import BYTE_ORDER_MARK, columns_of, header_line, row_line
from rpcbackend.store.sqlite import SqliteEngine
from rpcbackend.store.store import Store
from rpcbackend.store.transaction import Report

AT_A_TIME = 100
"""Records that are held in memory, and written between two looks at whether it is still wanted."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the records of one kind come from."""

    model: type[WireModel]
    json: str
    """The SQL of a row as the record's JSON."""
    order: str
    """The order of an index, so that nothing is sorted in memory."""
    span: str = "true"
    """The condition over `:since_ms` and `:until_ms`, which may be NULL."""


_SOURCES = {
    ExportKind.STUDENTS: _Source(Student, json_object(Student), "id"),
    ExportKind.INSTRUCTORS: _Source(Instructor, json_object(Instructor), "id"),
    ExportKind.VEHICLES: _Source(Vehicle, json_object(Vehicle), "id"),
    ExportKind.LESSONS: _Source(
        Lesson,
        lessons.ROW_JSON,
        "starts_at, id",
        "(:since_ms IS NULL OR ends_at > :since_ms / 1000.0)"
        " AND (:until_ms IS NULL OR starts_at < :until_ms / 1000.0)",
    ),
    ExportKind.AUDIT: _Source(
        AuditRow,
        audit.ROW_JSON,
        "seq",
        "(:since_ms IS NULL OR at >= :since_ms) AND (:until_ms IS NULL OR at < :until_ms)",
    ),
}

SPANNED = frozenset(kind for kind, source in _SOURCES.items() if source.span != "true")
"""What can be narrowed to a span of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is to be written, and where."""

    kind: ExportKind
    format: ExportFormat
    path: Path
    stage: Path
    """The file's name while it is written, in the same folder."""
    since: datetime | None = None
    until: datetime | None = None
    has_mark: bool = False
    """Whether a file of CSV begins with the byte order mark."""


async def export(
    store: Store, wanted: Export, report: Report, seal: Callable[[Exported], Awaitable[None]]
) -> Exported:
    """Write the file while everybody goes on working; one that fails or is stopped leaves nothing.

    Backups, restores and changes of keys wait until it is written. A share that hangs cannot be
    given up: they wait for as long as it does.

    Args:
        store: Whose records they are.
        wanted: What, and where.
        report: Told how far it is.
        seal: Told of the file when all is written: it has its name only if this does not raise, and
            nothing stops it afterwards.

    Raises:
        DuplicateError: There is a file of that name.
        FileRefusedError: It cannot be written there, or the store is kept in memory.
        DiskFullError: There is no room for it.
        OutcomeUnknownError: The storage of the store failed.
        UnavailableError: The server that keeps it cannot be reached.
    """
    try:
        async with _way_to(store.engine) as opener:
            write = partial(write_export, opener, store.engine.school, wanted)
            exported = await run_beside(write, report)
        await seal(exported)
        await asyncio.to_thread(_put_in_place, wanted)
    finally:
        await asyncio.to_thread(tidy, wanted.stage)
    return exported


@asynccontextmanager
async def _way_to(engine: Engine) -> AsyncIterator[Opener]:
    """Give the way to the records, as long as nobody puts another file in the place of theirs."""
    if not isinstance(engine, SqliteEngine):
        yield engine.opener
        return
    if engine.opener.path is None:
        raise FileRefusedError("A store in memory is not exported: start with a data directory.")
    own_file(engine.opener, engine.read_only)
    async with engine.alone:
        yield replace(engine.opener, may_write=False)


async def finish(wanted: Export, made: Exported) -> bool:
    """Give the file its name that was whole when the process died; False if it is not there.

    Raises:
        DuplicateError: There is another file of that name.
        FileRefusedError: The folder takes no name.
    """
    try:
        return await asyncio.to_thread(name_whole, wanted.stage, wanted.path, made.sha256)
    except OSError as error:
        raise _refusal(error) from error


def write_export(opener: Opener, school: int, wanted: Export, report: Report) -> Exported:
    """Write the file under its other name, on the calling thread; see `export`."""
    try:
        check_place(wanted.path, opener.path)
        # Of a process that died while it wrote: nobody else's has the name of this job.
        if wanted.stage.exists():
            wanted.stage.unlink()
        with os.fdopen(open_private(wanted.stage), "wb") as file:
            sink = _Sink(file)
            rows, head_seq = _copy(opener, school, wanted, sink, report)
            sink.end()
    except (OSError, driver.Error) as error:
        raise _refusal(error) from error
    return Exported(rows=rows, bytes=sink.bytes, sha256=sink.sha256, head_seq=head_seq)


def _refusal(error: Exception) -> RpcError:
    if driver.is_full(error):
        return DiskFullError()
    if isinstance(error, FileExistsError):
        return DuplicateError("There is a file of that name already; choose another one.")
    if isinstance(error, OSError):
        return FileRefusedError()
    return OutcomeUnknownError(
        "The storage failed; there is no file, ask again when the backend has restarted.",
        outcome="none",
    )


class _Sink:
    """Takes the file's content and adds it up."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest = file, hashlib.sha256()
        self.bytes = 0

    def write(self, content: bytes) -> None:
        """Append to the file."""
        self._file.write(content)
        self._digest.update(content)
        self.bytes += len(content)

    def end(self) -> None:
        """Make it durable."""
        self._file.flush()
        os.fsync(self._file.fileno())

    @property
    def sha256(self) -> str:
        """The hash of all of it, in hex."""
        return self._digest.hexdigest()


def _put_in_place(wanted: Export) -> None:
    """Give the file its name, unless somebody else has it by now."""
    try:
        put_in_place(wanted.stage, wanted.path)
    except OSError as error:
        raise _refusal(error) from error


def _copy(
    opener: Opener, school: int, wanted: Export, sink: _Sink, report: Report
) -> tuple[int, int]:
    """Write all records of one snapshot; return how many, and the last event before it."""
    source = _SOURCES[wanted.kind]
    params = {
        "school": school,
        "since_ms": audit.milliseconds(wanted.since),
        "until_ms": audit.milliseconds(wanted.until),
    }
    rest = f"FROM {wanted.kind} WHERE school_id = :school AND {source.span}"
    connection = opener()
    try:
        connection.execute("BEGIN")
        head_seq = _one(connection, _HEAD_SEQ, params)
        total = _one(connection, f"SELECT count(*) {rest}", params)
        select = f"SELECT {source.json} {rest} ORDER BY {source.order}"
        rows = connection.execute(select, params)
        lines = _csv(rows, wanted, source) if wanted.format is ExportFormat.CSV else _json(rows)
        _write_all(lines, total, sink, report)
    finally:
        connection.close()
    return total, head_seq


_HEAD_SEQ = "SELECT coalesce(max(seq), 0) FROM events WHERE school_id = :school"


def _one(connection: Any, sql: str, params: dict[str, Any]) -> int:
    return int(connection.execute(sql, params).fetchone()[0])


def _csv(rows: Iterable[Any], wanted: Export, source: _Source) -> Iterator[str]:
    columns = columns_of(source.model)
    yield BYTE_ORDER_MARK * wanted.has_mark + header_line(columns)
    for (json,) in rows:
        yield row_line(columns, orjson.loads(json))


def _json(rows: Iterable[Any]) -> Iterator[str]:
    before = "["
    for (json,) in rows:
        yield f"{before}\n{json}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _write_all(lines: Iterator[str], total: int, sink: _Sink, report: Report) -> None:
    done = 0
    while some := list(islice(lines, AT_A_TIME)):
        sink.write("".join(some).encode())
        done = min(done + len(some), total)
        report(done, total, "writing")
