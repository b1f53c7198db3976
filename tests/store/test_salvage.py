"""What is saved of a damaged database: every row that can be read, and an account of the rest."""

import random
import shutil
from pathlib import Path

import pytest

from rpcbackend.store import DamagedError, Work, salvage
from rpcbackend.store.opening import open_store
from rpcbackend.store.salvage import UnsalvageableError, replace_by
from tests.factories import (
    KEY,
    an_id,
    make_branch,
    make_instructor,
    make_lesson,
    make_student,
    make_vehicle,
    store_in,
)
from tests.store.damage import (
    PAGE,
    fill,
    leaves_with,
    pages_of_the_schema,
    rows_of,
    spoil,
)

NOW_MS = 1_795_420_800_000
TABLES = ("branches", "events", "students")


def nobody(done: int, total: int, message: str) -> None:
    """Watch no progress."""


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_of_a_sound_database_everything_is_saved(tmp_path: Path, key: bytes | None) -> None:
    await fill(tmp_path, key)
    file = tmp_path / "school.db"
    before = file.read_bytes()

    saved = salvage(file, key, NOW_MS, nobody)

    assert [table.table for table in saved.tables if not table.is_whole] == []
    assert saved.findings == ()
    for table in TABLES:
        assert rows_of(saved.path, key, table) == rows_of(file, key, table)
    assert file.read_bytes() == before
    assert saved.path.stat().st_mode & 0o077 == 0
    assert saved.path == tmp_path / "salvage" / "2026-11-23T080000.000000Z" / "school.db"


async def test_what_stands_in_the_log_alone_is_saved_too(tmp_path: Path) -> None:
    async with store_in(tmp_path / "data") as store:
        await store.write(lambda work: work.branches.put(make_branch()), actor="tests")
        shutil.copytree(tmp_path / "data", tmp_path / "killed")

    saved = salvage(tmp_path / "killed" / "school.db", None, NOW_MS, nobody)

    assert len(rows_of(saved.path, None, "branches")) == 1


async def test_rows_around_damaged_pages_are_saved_and_the_lost_ones_counted(
    tmp_path: Path,
) -> None:
    await fill(tmp_path, None)
    file = tmp_path / "school.db"
    original = rows_of(file, None, "students")
    pages = [*leaves_with(file, b"ada 100"), *leaves_with(file, b"ada 400")]
    on_them = {row for row in original if holds(file, pages, row[1])}
    assert len(pages) == 2
    spoil(file, pages)

    saved = salvage(file, None, NOW_MS, nobody)

    assert original - rows_of(saved.path, None, "students") == on_them
    (students,) = (table for table in saved.tables if table.table == "students")
    # The index by name tells which rows there were.
    assert (students.saved, students.unread) == (len(original - on_them), len(on_them))
    assert students.gaps == ()
    assert [table.table for table in saved.tables if not table.is_whole] == ["students"]


def holds(file: Path, pages: list[int], text: str) -> bool:
    raw = file.read_bytes()
    return any(text.encode() in raw[(page - 1) * PAGE : page * PAGE] for page in pages)


async def test_lost_events_are_counted_by_their_numbers(tmp_path: Path) -> None:
    await fill(tmp_path, None)
    file = tmp_path / "school.db"
    pages = [*leaves_with(file, b'{"n":100}'), *leaves_with(file, b'{"n":400}')]
    spoil(file, pages)

    saved = salvage(file, None, NOW_MS, nobody)

    (events,) = (table for table in saved.tables if table.table == "events")
    left = {row[1] for row in rows_of(saved.path, None, "events")}
    lost = {*range(1, 601)} - left
    assert {101, 401} <= lost
    assert len(lost) == sum(gap.lost or 0 for gap in events.gaps) == 600 - events.saved
    assert [finding.text for finding in saved.findings] == [f"events: {len(lost)} are missing"]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("seed", range(6))
async def test_wherever_pages_are_damaged_nothing_is_saved_but_what_was_there(
    tmp_path: Path, key: bytes | None, seed: int
) -> None:
    await fill(tmp_path, key)
    file = tmp_path / "school.db"
    original = {table: rows_of(file, key, table) for table in TABLES}
    chance = random.Random(seed)  # noqa: S311 (a replayable choice)
    pages = file.stat().st_size // PAGE
    # Behind the schema's own pages, which lie at the beginning.
    spoil(file, chance.sample(range(pages_of_the_schema(), pages), 3))
    before = file.read_bytes()

    saved = salvage(file, key, NOW_MS, nobody)

    for table in saved.tables:
        if table.table in TABLES:
            rows = rows_of(saved.path, key, table.table)
            assert rows <= original[table.table]
            assert len(rows) == table.saved
            assert table.is_whole == (rows == original[table.table])
    assert file.read_bytes() == before


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_without_its_list_of_tables_nothing_can_be_saved(
    tmp_path: Path, key: bytes | None
) -> None:
    await fill(tmp_path, key)
    file = tmp_path / "school.db"
    spoil(file, range(2, 40))

    with pytest.raises(UnsalvageableError):
        salvage(file, key, NOW_MS, nobody)


async def test_the_time_of_a_lesson_whose_claims_are_lost_is_taken_again(tmp_path: Path) -> None:
    lesson = make_lesson()

    async def unit(work: Work) -> None:
        await work.branches.put(make_branch())
        await work.students.put(make_student())
        await work.instructors.put(make_instructor())
        await work.vehicles.put(make_vehicle())
        await work.lessons.put(lesson)

    async with store_in(tmp_path) as store:
        await store.write(unit, actor="tests")

    saved = salvage(tmp_path / "school.db", None, NOW_MS, nobody)

    claims = {(row[1], row[2]) for row in rows_of(saved.path, None, "resource_claims")}
    assert claims == {
        ("instructor", lesson.instructor_id),
        ("vehicle", lesson.vehicle_id),
        ("student", lesson.student_id),
    }


async def test_what_was_saved_takes_the_damaged_one_s_place_when_that_is_wanted(
    tmp_path: Path,
) -> None:
    await fill(tmp_path, KEY)
    file = tmp_path / "school.db"
    damaged = file.read_bytes()
    saved = salvage(file, KEY, NOW_MS, nobody)

    aside = replace_by(tmp_path, saved.path, NOW_MS)

    assert (aside / "school.db").read_bytes() == damaged
    async with store_in(tmp_path, key=KEY) as store:
        assert await store.read(lambda work: work.events.head_seq()) == 600
        await store.write(lambda work: work.branches.put(make_branch(id=an_id("bra", 2))), actor="")


async def test_a_damaged_schema_is_said_to_be_damage(tmp_path: Path) -> None:
    await fill(tmp_path, None)
    spoil(tmp_path / "school.db", range(2, 40))

    with pytest.raises(DamagedError):
        await open_store(tmp_path)
