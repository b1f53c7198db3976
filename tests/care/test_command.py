"""What all commands of the care share: keys on stdin, exit codes, progress after a second."""

import asyncio
from io import StringIO
from pathlib import Path

import pytest

from rpcbackend.care.backup import backup_directory
from rpcbackend.care.command import Progress
from rpcbackend.care.migrate import migrate_directory
from rpcbackend.care.verify import verify_directory
from rpcbackend.process_life import read_key_line
from rpcbackend.store import DirectoryLock
from rpcbackend.testing import FrozenClock
from tests.care.conftest import line_of, make_store
from tests.factories import KEY, store_in

COMMANDS = {
    "backup": lambda directory, stdin: backup_directory(directory, None, stdin),
    "verify": lambda directory, stdin: verify_directory(directory, None, stdin),
    "migrate": migrate_directory,
}
each = pytest.mark.parametrize("name", COMMANDS)


class Terminal(StringIO):
    """A stderr that somebody looks at."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@each
def test_an_encrypted_store_wants_its_key_on_stdin(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_store(tmp_path)

    assert COMMANDS[name](tmp_path, StringIO(line_of(KEY))) == 0
    assert COMMANDS[name](tmp_path, StringIO("")) == 64
    assert COMMANDS[name](tmp_path, StringIO("hunter2\n")) == 64
    assert COMMANDS[name](tmp_path, StringIO(line_of(bytes(32)))) == 77

    assert "hunter2" not in capsys.readouterr().err


@each
def test_a_directory_without_a_database_is_a_mistake(tmp_path: Path, name: str) -> None:
    assert COMMANDS[name](tmp_path, StringIO("")) == 64
    assert not (tmp_path / "school.db").exists()


@each
def test_a_directory_that_is_not_there_is_a_mistake_and_not_made(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mistyped = tmp_path / "dta"

    assert COMMANDS[name](mistyped, StringIO("")) == 64

    assert capsys.readouterr().err == f"rpcbackend: there is no folder {mistyped}\n"
    assert not mistyped.exists()


@each
def test_a_database_that_is_lost_exits_with_74(tmp_path: Path, name: str) -> None:
    make_store(tmp_path, None)
    (tmp_path / "school.db").unlink()

    assert COMMANDS[name](tmp_path, StringIO("")) == 74


@each
def test_a_directory_that_is_in_use_exits_with_69(tmp_path: Path, name: str) -> None:
    make_store(tmp_path, None)
    lock = DirectoryLock(tmp_path)
    try:
        assert COMMANDS[name](tmp_path, StringIO("")) == 69
    finally:
        lock.release()


@each
def test_a_store_of_a_newer_program_exits_with_79(tmp_path: Path, name: str) -> None:
    async def make_newer() -> None:
        async with store_in(tmp_path) as store:
            await store.write(lambda work: work.tx.run("PRAGMA user_version = 99"), actor="tests")

    asyncio.run(make_newer())

    assert COMMANDS[name](tmp_path, StringIO("")) == 79


def test_a_key_is_a_line_in_base64url() -> None:
    lines = StringIO(f"{line_of(KEY)}short\n")

    assert read_key_line(lines) == KEY
    assert read_key_line(lines) is None
    assert read_key_line(lines) is None


def test_progress_is_silent_for_a_second_then_told_once_a_step() -> None:
    clock, stderr = FrozenClock(), StringIO()
    progress = Progress(clock, stderr)

    progress(1, 10, "copying")
    clock.advance(1)
    for done in range(2, 5):
        progress(done, 10, "copying")
    progress(1, 3, "branches")
    progress.end()

    assert stderr.getvalue() == "copying ...\nbranches ...\n"


def test_progress_on_a_terminal_is_told_in_place_and_wiped() -> None:
    clock, stderr = FrozenClock(), Terminal()
    progress = Progress(clock, stderr)
    clock.advance(1)

    progress(9, 10, "copying")
    progress(0, 0, "a")
    progress.end()

    assert stderr.getvalue() == f"\rcopying 90 %\ra 0 %       \r{'':5}\r"
