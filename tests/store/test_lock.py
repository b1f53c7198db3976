"""One process to a data directory."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rpcbackend.store import DirectoryLock, StoreBusyError

HOLD = """
import sys
from pathlib import Path
from rpcbackend.store.lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""
SECONDS = 60


def start_holder(directory: Path) -> "subprocess.Popen[str]":
    """Start a process that holds the directory until its stdin closes or it is killed."""
    holder = subprocess.Popen(  # noqa: S603 (ourselves)
        [sys.executable, "-c", HOLD, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_process_is_refused_with_the_number_of_the_first_until_that_is_killed(
    tmp_path: Path,
) -> None:
    with start_holder(tmp_path) as holder:
        try:
            with pytest.raises(StoreBusyError, match=rf"\(process {holder.pid}\)") as refused:
                DirectoryLock(tmp_path)
            assert str(tmp_path) in str(refused.value)
        finally:
            holder.kill()
        holder.wait(SECONDS)

    DirectoryLock(tmp_path).release()


def test_the_lock_is_held_once_within_a_process_too(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)

    with pytest.raises(StoreBusyError, match=rf"\(process {os.getpid()}\)"):
        DirectoryLock(tmp_path)

    lock.release()
    DirectoryLock(tmp_path).release()


def test_the_directory_is_made_private_to_its_owner(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "yet"

    DirectoryLock(directory).release()

    if sys.platform != "win32":
        assert directory.stat().st_mode & 0o777 == 0o700
        assert (directory / "backend.lock").stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(rb"\d+", (directory / "backend.lock").read_bytes())


def test_a_lock_file_that_says_nothing_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "backend.lock").write_text("999999999999 and more than a number", encoding="utf-8")

    lock = DirectoryLock(tmp_path)

    assert (tmp_path / "backend.lock").read_text(encoding="utf-8") == str(os.getpid())
    lock.release()


def test_a_directory_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(OSError, match="file"):
        DirectoryLock(tmp_path / "file" / "below")
