"""The demo as a newcomer sees it, with a real backend process."""

import asyncio
import re
from pathlib import Path

import orjson
import pytest

from rpcbackend.cli import main
from rpcbackend.demo.desk import Backend
from rpcbackend.demo.morning import show_morning
from rpcbackend.demo.school import School
from rpcbackend.demo.seed import write_school
from rpcbackend.store import DirectoryLock, open_store
from tests.demo.schools import school_of

DASH = "\N{EN DASH}"
HOURS = rf"\d\d:\d\d{DASH}\d\d:\d\d"

SCENES = (
    r"A morning at the desk of a driving school",
    r"rpcbackend is everything behind the window",
    r"a real backend \(process \d+\)",
    r"1  The phone rings",
    r"→  events\.subscribe \{\}",
    r"←  [\d,]+ events so far; the next ones will come\. +\d+\.\d ms",
    r'→  students\.list \{"text":"zoe bruck","state":"active"\}',
    r"←  Zoë Brückner, born 29 Feb \d{4}, here since .* ms",
    r"2  When is there time\?",
    r"→  calendar\.view \{.*…",
    rf"←  \d+ busy times, .* Free: \w+ \d+ \w+, {HOURS}, with",
    r"3  A lesson is booked",
    r'→  lessons\.book \{"startsAt":".*…',
    r"←  Booked, and on disk before this answer left",
    r"⚡ event [\d,]+, lessons\.booked: every open window draws the lesson\.",
    r"4  Two people, one hour",
    r"✗  Refused, CONFLICT_INSTRUCTOR: The instructor is busy then\.",
    rf"In the way: the instructor \(lesson {HOURS}\), the vehicle",
    rf"Nearest free time for all of them that day: {HOURS}",
    rf"←  {HOURS} it is\.",
    r"⚡ event [\d,]+, lessons\.booked: and so everybody knows\.",
    r"Was that answer lost\? The desk asks again, with the same key:",
    r"←  The same lesson as before; nothing is booked twice\.",
    r"5  The phone rings again",
    r'→  lessons\.cancel \{"lessonId":"les_…\w+","by":"student","reasonCode":"illness"\}',
    r"←  The lesson is cancelled; the hour is free for others\.",
    r"⚡ event [\d,]+, lessons\.cancelled: every open window takes the lesson out\.",
    r"That was it",
    r"11 questions, half of them answered within",
    r"Ask it +rpcbackend call students\.list",
)


def _missing(told: str) -> list[str]:
    """List the scenes that were not told, each after the one before."""
    missing, position = [], 0
    for scene in SCENES:
        found = re.compile(scene).search(told, position)
        if found is None:
            missing.append(scene)
        else:
            position = found.end()
    return missing


def test_the_morning_is_played_and_played_again_in_the_same_school(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["demo", "--students", "12", "--data-dir", str(tmp_path)]) == 0

        told = capsys.readouterr().out
        assert _missing(told) == []
        assert max(len(line) for line in told.splitlines()) <= 100
        # A long path is broken over the lines of the frame.
        assert f"staysin{tmp_path}" in "".join(told.replace("│", "").split())
        assert _is_free(tmp_path)


def test_a_school_of_one_shows_all_of_it_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    assert show_morning(None, students=1) == 0

    told = capsys.readouterr().out
    assert _missing(told) == []
    assert "this school is gone now" in told
    assert "left with exit code 0" in " ".join(told.replace("│", "").split())
    assert list(tmp_path.iterdir()) == []


def test_a_directory_in_use_for_something_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "school.db").write_bytes(b"\x17" * 4_096)

    assert show_morning(tmp_path, students=1) == 77
    assert capsys.readouterr().out == ""


def test_a_school_that_has_lost_its_caller_ends_the_demo_kindly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (caller,) = school_in(tmp_path).students
    wanted = orjson.dumps({"studentId": caller.id, "givenName": "Chloé"}).decode()
    assert main(["call", "students.update", wanted, "--data-dir", str(tmp_path)]) == 0

    assert show_morning(tmp_path, students=1) == 70
    assert capsys.readouterr().err == (
        "rpcbackend: the demo had to stop: Zoë Brückner is no longer a student of this school\n"
    )


def school_in(directory: Path) -> School:
    """Fill a directory with a school of one."""
    school = school_of(1, 1, 1)

    async def fill() -> None:
        store = await open_store(directory)
        await write_school(store, school)
        await store.close()

    asyncio.run(fill())
    return school


def test_a_backend_that_does_not_answer_ends_the_demo_kindly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait_in_vain(*_: object) -> dict[str, object]:
        raise TimeoutError

    monkeypatch.setattr(Backend, "news", wait_in_vain)

    assert show_morning(tmp_path, students=1) == 70
    assert "the demo had to stop: no answer in time\n" in capsys.readouterr().err


def _is_free(directory: Path) -> bool:
    """A backend that still ran would hold its directory."""
    DirectoryLock(directory).release()
    return True
