"""The demo school in a store."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.cli import main
from rpcbackend.demo.seed import Plan, fill, seed_directory, what_it_holds, write_school
from rpcbackend.domain.lessons import CLAIMING
from rpcbackend.door import ExitRequestedError
from rpcbackend.errors import SchemaTooNewError
from rpcbackend.schema.base import format_instant
from rpcbackend.store import DirectoryLock, Store, Work
from rpcbackend.testing import Client
from tests.demo.schools import TODAY, school_of
from tests.factories import claims_in, save_branch


async def test_the_claims_are_those_of_the_lessons_that_hold_them(store: Store) -> None:
    school = school_of(40, 3, 5)

    await write_school(store, school)

    async def unit(work: Work) -> set[tuple[Any, ...]]:
        rows = await work.tx.all("SELECT * FROM resource_claims WHERE school_id = :school")
        return {
            tuple(row[name] for name in ("resource_id", "owner_id", "starts_at", "ends_at"))
            for row in rows
        }

    assert await store.read(unit) == {
        (resource, each.id, int(each.starts_at.timestamp()), int(each.ends_at.timestamp()))
        for each in school.lessons
        if each.state in CLAIMING
        for resource in (each.instructor_id, each.vehicle_id, each.student_id)
    }


async def test_every_event_is_in_the_stream_in_order(client: Client, store: Store) -> None:
    school = school_of(2, 1, 7)

    await write_school(store, school)
    await client.call("events.subscribe", afterSeq=0)
    heard = [(await client.next_line())["params"] for _ in school.events]

    assert [(event["seq"], event["id"]) for event in heard] == [
        (seq, event["id"]) for seq, event in enumerate(school.events, start=1)
    ]


async def test_a_seeded_student_is_found_and_can_book(client: Client, store: Store) -> None:
    school = school_of(2, 1, 7)
    await write_school(store, school)

    found = await client.call("students.list", text="bruckner ZOE")
    (caller,) = found["items"]
    booked = await client.call(
        "lessons.book",
        studentId=caller["id"],
        instructorId=school.staff.instructors[0].id,
        startsAt=f"{TODAY.replace(year=TODAY.year + 1)}T09:00:00Z",
        durationMinutes=90,
    )

    assert caller["createdAt"] in {format_instant(each.created_at) for each in school.students}
    assert booked["lesson"]["state"] == "booked"


async def test_a_school_that_cannot_be_stored_leaves_nothing(store: Store) -> None:
    school = school_of(2, 1, 7)
    unreadable = school.events[-1] | {"data": {"not": object()}}

    with pytest.raises(TypeError):
        await write_school(store, replace(school, events=[*school.events, unreadable]))

    assert await what_it_holds(store) == "nothing"
    assert await claims_in(store) == 0


async def test_progress_is_told_as_the_school_is_written(store: Store) -> None:
    school = school_of(12, 1, 3)
    told: list[int] = []

    await write_school(store, school, told.append)

    assert told == [250] * (len(school.events) // 250)


async def test_what_a_store_holds_is_known(client: Client, store: Store) -> None:
    empty = await what_it_holds(store)
    await save_branch(client)
    foreign = await what_it_holds(store)
    await write_school(store, school_of(2, 1, 7))

    assert [empty, foreign, await what_it_holds(store)] == [
        *("nothing", "a school", "the demo school")
    ]


def test_seed_fills_a_directory_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = main(["seed", "--data-dir", str(tmp_path / "data"), "--students", "3"])
    told = capsys.readouterr()
    second = main(["seed", "--data-dir", str(tmp_path / "data"), "--students", "3"])
    refused = capsys.readouterr()

    assert (first, second) == (0, 73)
    assert (told.out, refused.out) == ("", "")
    assert "9 instructors, 3 students, " in told.err
    assert refused.err == (
        f"rpcbackend: {tmp_path / 'data'} already holds the demo school, and nothing was changed. "
        "Give another --data-dir, such as --data-dir ./demo-school.\n"
    )


def test_seed_leaves_an_encrypted_store_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "school.db").write_bytes(b"\x17" * 4_096)

    assert seed_directory(tmp_path, students=1, years=1, seed=1) == 77
    assert "is encrypted" in capsys.readouterr().err


def test_seed_waits_for_nobody_who_holds_the_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = DirectoryLock(tmp_path)
    try:
        code = seed_directory(tmp_path, students=1, years=1, seed=1)
    finally:
        lock.release()

    assert code == 69
    assert "in use by another rpcbackend" in capsys.readouterr().err


def test_a_demo_school_that_is_there_is_as_good_as_a_new_one(tmp_path: Path) -> None:
    fill(tmp_path, Plan(students=1), may_exist=True)
    size = (tmp_path / "school.db").stat().st_size

    fill(tmp_path, Plan(students=500), may_exist=True)

    assert (tmp_path / "school.db").stat().st_size == size


def test_somebody_elses_school_is_never_played_with(tmp_path: Path) -> None:
    branch = '{"name":"Mitte","zone":"Europe/Berlin","currency":"EUR"}'
    assert main(["call", "branches.save", branch, "--data-dir", str(tmp_path)]) == 0

    with pytest.raises(ExitRequestedError, match="already holds a school") as refused:
        fill(tmp_path, Plan(students=1), may_exist=True)

    assert refused.value.code == 73


def test_a_store_of_a_newer_program_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(_: Path) -> Store:
        raise SchemaTooNewError

    monkeypatch.setattr("rpcbackend.demo.seed.open_store", refuse)

    assert seed_directory(tmp_path, students=1, years=1, seed=1) == 79
    assert "newer version" in capsys.readouterr().err
