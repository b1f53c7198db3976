"""Writing an export: one snapshot, whole or not there, and nobody's file in its place."""

import asyncio
import csv
import errno
import hashlib
import io
import os
import signal
import stat
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from loguru import logger

from rpcbackend.errors import (
    DiskFullError,
    DuplicateError,
    FileRefusedError,
    ForbiddenError,
    OutcomeUnknownError,
)
from rpcbackend.rpc_error import RpcError
from rpcbackend.schema.audit import ListAudit
from rpcbackend.schema.base import Encoded
from rpcbackend.schema.exports import Exported, ExportFormat, ExportKind
from rpcbackend.schema.instructors import ListInstructors
from rpcbackend.schema.lessons import ListLessons
from rpcbackend.schema.students import ListStudents
from rpcbackend.schema.vehicles import ListVehicles
from rpcbackend.store import Command, Store, Work, exports, placing
from rpcbackend.store.driver import Opener
from rpcbackend.store.exports import Export
from rpcbackend.store.transaction import Report
from rpcbackend.testing import FrozenClock
from tests.clauses import clause
from tests.factories import KEY, add_all, an_id, at, make_lesson, make_student, store_in
from tests.store.gate import Gate

KEYS = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])


def nobody(_done: int, _total: int, _message: str) -> None:
    """Hear of progress."""


def wanted(folder: Path, **given: Any) -> Export:
    fields: dict[str, Any] = {
        "kind": ExportKind.STUDENTS,
        "format": ExportFormat.CSV,
        "path": folder / "students.csv",
        "stage": folder / ".job.part",
    }
    return Export(**fields | given)


async def agree(_: Exported) -> None:
    """Let the file have its name."""


async def export(
    store: Store,
    job: Export,
    report: Report = nobody,
    seal: Callable[[Exported], Awaitable[None]] = agree,
) -> Exported:
    """Export; nobody objects unless a test does."""
    return await exports.export(store, job, report, seal)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder that exports are written into."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def records(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


async def add_lessons(store: Store, count: int) -> None:
    """Add lessons an hour apart, from nine on."""

    async def unit(work: Work) -> None:
        for number in range(count):
            start = at("2026-11-24T09:00:00Z").replace(hour=number)
            end = start.replace(minute=45)
            await work.lessons.add(
                make_lesson(id=an_id("les", number), starts_at=start, ends_at=end)
            )

    await store.write(unit, actor="tests")


# What is in it


@KEYS
async def test_every_record_is_a_line_and_the_result_tells_of_the_file(
    tmp_path: Path, out: Path, key: bytes | None
) -> None:
    async with store_in(tmp_path / "data", key=key) as store:
        await add_all(store)
        odd = make_student(id=an_id("stu", 2), family_name='=1+1;"x"', phone="+4930123456")
        await store.write(lambda work: work.students.put(odd), actor="tests")

        done = await export(store, wanted(out))

    content = (out / "students.csv").read_bytes()
    assert records(content) == [
        {
            "id": an_id("stu", number),
            "branchId": an_id("bra"),
            "givenName": "Ada",
            "familyName": family,
            "bornOn": "2007-12-10",
            "email": "",
            "phone": phone,
            "language": "",
            "state": "active",
            "createdAt": "2026-11-23T08:00:00Z",
            "version": "1",
        }
        for number, family, phone in ((1, "Byron", ""), (2, '\'=1+1;"x"', "'+4930123456"))
    ]
    assert (done.rows, done.bytes) == (2, len(content))
    assert done.sha256 == hashlib.sha256(content).hexdigest()
    assert done.head_seq == store.head_seq


@pytest.mark.parametrize("kind", ExportKind)
async def test_json_holds_the_records_as_the_lists_tell_them(
    tmp_path: Path, out: Path, kind: ExportKind
) -> None:
    async with store_in(tmp_path / "data") as store:
        await add_all(store)
        await add_lessons(store, 3)
        job = wanted(out, kind=kind, format=ExportFormat.JSON)

        done = await export(store, job)

        listed = await store.read(lambda work: listed_in(work, kind))
    assert orjson.loads(job.path.read_bytes()) == listed
    assert done.rows == len(listed)


async def listed_in(work: Work, kind: ExportKind) -> list[dict[str, Any]]:
    """Return the records of a kind, by the way of the lists."""
    pages: dict[ExportKind, Awaitable[Encoded[Any]]] = {
        ExportKind.STUDENTS: work.students.list(ListStudents()),
        ExportKind.INSTRUCTORS: work.instructors.list(ListInstructors()),
        ExportKind.VEHICLES: work.vehicles.list(ListVehicles()),
        ExportKind.LESSONS: work.lessons.list(ListLessons()),
        ExportKind.AUDIT: work.audit.page(ListAudit()),
    }
    items: list[dict[str, Any]] = []
    for other, page in pages.items():
        listed = orjson.loads((await page).json)["items"]
        items = listed if other is kind else items
    # The audit is listed from its end.
    return sorted(items, key=lambda one: one["seq"]) if kind is ExportKind.AUDIT else items


@pytest.mark.parametrize(
    ("format_", "content"), [(ExportFormat.JSON, b"[]\n"), (ExportFormat.CSV, None)]
)
async def test_without_a_record_the_file_is_whole_all_the_same(
    tmp_path: Path, out: Path, format_: ExportFormat, content: bytes | None
) -> None:
    async with store_in(tmp_path / "data") as store:
        done = await export(store, wanted(out, format=format_))

    written = (out / "students.csv").read_bytes()
    assert done.rows == 0
    assert written == (content or written)
    assert records(written) == [] if content is None else True


async def test_excel_is_told_the_encoding_when_that_is_wanted(tmp_path: Path, out: Path) -> None:
    async with store_in(tmp_path / "data") as store:
        await add_all(store)
        await export(store, wanted(out))
        await export(store, wanted(out, path=out / "excel.csv", has_mark=True))

    plain, marked = (out / name for name in ("students.csv", "excel.csv"))
    assert marked.read_bytes() == b"\xef\xbb\xbf" + plain.read_bytes()


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, [0, 1, 2, 3, 4]),
        ("2026-11-24T02:00:00Z", None, [2, 3, 4]),
        ("2026-11-24T01:44:59.999Z", None, [1, 2, 3, 4]),
        ("2026-11-24T01:45:00Z", "2026-11-24T03:00:00Z", [2]),
        (None, "2026-11-24T03:00:00.001Z", [0, 1, 2, 3]),
    ],
)
async def test_lessons_are_those_that_reach_into_the_span(
    tmp_path: Path, out: Path, since: str | None, until: str | None, found: list[int]
) -> None:
    async with store_in(tmp_path / "data") as store:
        await add_all(store)
        await add_lessons(store, 5)
        span = {"since": at(since) if since else None, "until": at(until) if until else None}

        await export(store, wanted(out, kind=ExportKind.LESSONS, **span))

    lessons = records((out / "students.csv").read_bytes())
    assert [one["id"] for one in lessons] == [an_id("les", number) for number in found]


async def test_the_audit_is_that_of_the_span(tmp_path: Path, out: Path, clock: FrozenClock) -> None:
    async with store_in(tmp_path / "data", clock=clock) as store:
        for _ in range(3):
            await store.write(
                lambda work: work.audited(nothing, Command(channel="=tests")), actor="tests"
            )
            clock.advance(1)
        span = {"since": at("2026-11-23T08:00:01Z"), "until": at("2026-11-23T08:00:02Z")}

        await export(store, wanted(out, kind=ExportKind.AUDIT, **span))

    (row,) = records((out / "students.csv").read_bytes())
    assert (row["seq"], row["at"]) == ("2", "2026-11-23T08:00:01.000Z")
    assert (row["channel"], row["changes"]) == ("'=tests", "[]")


async def nothing(work: Work) -> None:
    """Change nothing: a unit of work."""


async def test_an_export_is_of_one_instant_whatever_is_written_meanwhile(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_A_TIME", 1)
    gate = Gate()
    async with store_in(tmp_path / "data") as store:
        await add_all(store)
        write = partial(exports.write_export, store.sqlite.opener, 1, wanted(out))
        going = asyncio.ensure_future(asyncio.to_thread(write, lambda *_: gate.wait()))
        await gate.entered()
        late = make_student(id=an_id("stu", 2))
        await store.write(lambda work: work.students.put(late), actor="tests")
        gate.open()
        done = await going

    assert done.rows == len(records((out / ".job.part").read_bytes())) == 1


async def test_an_export_tells_how_far_it_is(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_A_TIME", 2)
    told: list[tuple[int, int, str]] = []
    async with store_in(tmp_path / "data") as store:
        await add_all(store)
        await add_lessons(store, 5)
        job = wanted(out, kind=ExportKind.LESSONS)
        exports.write_export(store.sqlite.opener, 1, job, lambda *said: told.append(said))

    # The line of names is one of the first two.
    assert told == [(2, 5, "writing"), (4, 5, "writing"), (5, 5, "writing")]


async def test_memory_does_not_grow_with_the_number_of_records(tmp_path: Path, out: Path) -> None:
    async def unit(work: Work) -> None:
        for number in range(3_000):
            await work.students.put(make_student(id=an_id("stu", number), given_name="x" * 200))

    async with store_in(tmp_path / "data") as store:
        await add_all(store)
        await store.write(unit, actor="tests")
        tracemalloc.start()
        done = await export(store, wanted(out))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert done.bytes > 1_000_000
    assert peak < done.bytes / 2


# Whole, or not there


async def test_the_file_is_its_owner_s_alone(tmp_path: Path, out: Path) -> None:
    async with store_in(tmp_path / "data") as store:
        await export(store, wanted(out))

    assert stat.S_IMODE((out / "students.csv").stat().st_mode) == 0o600
    assert names_in(out) == ["students.csv"]


@clause("export-whole-or-not-there")
async def test_nobody_s_file_is_replaced(tmp_path: Path, out: Path) -> None:
    (out / "students.csv").write_bytes(b"mine")
    (out / "link.csv").symlink_to(out / "nowhere")
    async with store_in(tmp_path / "data") as store:
        for name in ("students.csv", "link.csv"):
            with pytest.raises(DuplicateError):
                await export(store, wanted(out, path=out / name))

    assert (out / "students.csv").read_bytes() == b"mine"
    assert names_in(out) == ["link.csv", "students.csv"]


@clause("export-whole-or-not-there")
@pytest.mark.parametrize("has_links", [True, False], ids=["second names", "no second names"])
async def test_a_file_that_comes_meanwhile_is_not_replaced_either(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    """No second names: a stick, where a file has one name only."""
    if not has_links:
        refuse_links(monkeypatch)

    async def seal(_: Exported) -> None:
        (out / "students.csv").write_bytes(b"mine")

    async with store_in(tmp_path / "data") as store:
        with pytest.raises(DuplicateError):
            await export(store, wanted(out), seal=seal)

    assert (out / "students.csv").read_bytes() == b"mine"
    assert names_in(out) == ["students.csv"]


def refuse_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


async def test_a_disk_without_second_names_takes_an_export_too(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_links(monkeypatch)
    async with store_in(tmp_path / "data") as store:
        await export(store, wanted(out))

    assert names_in(out) == ["students.csv"]


def fail(number: int) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def full(_: Path) -> int:
    """Open a file that has no room for a byte."""
    return os.open("/dev/full", os.O_RDWR)


@clause("export-whole-or-not-there")
@pytest.mark.parametrize(
    ("module", "name", "fault", "expected"),
    [
        (exports, "open_private", full, DiskFullError),
        (os, "fsync", fail(errno.ENOSPC), DiskFullError),
        (os, "fsync", fail(errno.EIO), FileRefusedError),
        (os, "open", fail(errno.EACCES), FileRefusedError),
    ],
    ids=["full", "full at the end", "failing at the end", "forbidden"],
)
async def test_an_export_that_fails_leaves_nothing(  # noqa: PLR0917 (of a table)
    tmp_path: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    fault: Any,
    expected: type[RpcError],
) -> None:
    async with store_in(tmp_path / "data") as store:
        await add_all(store)
        monkeypatch.setattr(module, name, fault)
        with pytest.raises(expected):
            await export(store, wanted(out))
        monkeypatch.undo()

    assert names_in(out) == []


async def test_a_damaged_store_ends_an_export_without_a_file(tmp_path: Path, out: Path) -> None:
    async with store_in(tmp_path / "data", key=KEY) as store:
        await add_all(store)
    path = tmp_path / "data" / "school.db"
    content = bytearray(path.read_bytes())
    for place in range(4_096 + 100, len(content), 4_096):
        content[place] ^= 1
    path.write_bytes(content)

    with pytest.raises(OutcomeUnknownError) as failed:
        exports.write_export(Opener(path, KEY, may_write=False), 1, wanted(out), nobody)

    assert failed.value.outcome == "none"
    assert "students.csv" not in names_in(out)


@clause("export-whole-or-not-there")
async def test_an_export_that_is_stopped_leaves_nothing(tmp_path: Path, out: Path) -> None:
    async def stop(_: Exported) -> None:
        assert names_in(out) == [".job.part"]
        going.cancel()
        await asyncio.sleep(0)

    async with store_in(tmp_path / "data") as store:
        going = asyncio.ensure_future(export(store, wanted(out), seal=stop))
        with pytest.raises(asyncio.CancelledError):
            await going

    assert names_in(out) == []


@clause("export-whole-or-not-there")
async def test_an_export_that_is_stopped_while_it_is_written_leaves_nothing(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_A_TIME", 1)

    def stop(*_: object) -> None:
        going.cancel()

    async with store_in(tmp_path / "data") as store:
        await add_all(store)
        going = asyncio.ensure_future(export(store, wanted(out), stop))
        with pytest.raises(asyncio.CancelledError):
            await going

    assert names_in(out) == []


@clause("export-whole-or-not-there")
async def test_an_export_that_may_not_be_had_any_more_leaves_nothing(
    tmp_path: Path, out: Path
) -> None:
    async def refuse(_: Exported) -> None:
        assert names_in(out) == [".job.part"]
        raise ForbiddenError

    async with store_in(tmp_path / "data") as store:
        with pytest.raises(ForbiddenError):
            await export(store, wanted(out), seal=refuse)

    assert names_in(out) == []


async def test_a_folder_that_cannot_be_made_durable_has_the_file_all_the_same(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "sync_folder", fail(errno.EINVAL))
    async with store_in(tmp_path / "data") as store:
        done = await export(store, wanted(out))

    assert names_in(out) == ["students.csv"]
    assert done.bytes == (out / "students.csv").stat().st_size


async def test_a_part_that_cannot_be_removed_is_reported_without_its_path(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    async with store_in(tmp_path / "data") as store:
        monkeypatch.setattr(os, "unlink", fail(errno.EACCES))
        sink = logger.add(told.append, format="{message} {extra}", level="WARNING")
        await export(store, wanted(out))
        logger.remove(sink)
        monkeypatch.undo()

    assert names_in(out) == [".job.part", "students.csv"]
    assert "stays behind" in told[0]
    assert str(out) not in "".join(told)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from rpcbackend.store import exports
from tests.factories import store_in
from tests.store.test_exports import wanted

exports.AT_A_TIME = 1

async def main(folder):
    async with store_in(folder / "data") as store:
        kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        exports.write_export(store.sqlite.opener, 1, wanted(folder / "out"), kill)

asyncio.run(main(Path(sys.argv[1])))
"""


@clause("export-whole-or-not-there")
async def test_an_export_that_is_killed_leaves_nothing_that_looks_like_one(
    tmp_path: Path, out: Path
) -> None:
    async with store_in(tmp_path / "data") as store:
        await add_all(store)

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(tmp_path))

    assert await process.wait() == -signal.SIGKILL
    assert names_in(out) == [".job.part"]


# Where


async def test_the_data_directory_is_no_place_for_an_export(tmp_path: Path, out: Path) -> None:
    (out / "link").symlink_to(tmp_path / "data")
    async with store_in(tmp_path / "data") as store:
        for folder in (tmp_path / "data", tmp_path / "data" / "backups", out / "link"):
            with pytest.raises(FileRefusedError):
                await export(store, wanted(folder))

        assert not list((tmp_path / "data").glob("**/*.part"))


async def test_a_folder_that_leads_in_a_circle_is_refused(tmp_path: Path, out: Path) -> None:
    (out / "one").symlink_to(out / "other")
    (out / "other").symlink_to(out / "one")
    async with store_in(tmp_path / "data") as store:
        with pytest.raises(FileRefusedError) as failed:
            await export(store, wanted(out / "one"))

    assert failed.value.__cause__ is None


async def test_a_store_in_memory_is_not_exported(out: Path) -> None:
    async with store_in(None) as store:
        with pytest.raises(FileRefusedError, match="memory"):
            await export(store, wanted(out))
