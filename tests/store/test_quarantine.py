"""Damaged files put aside: all of them, once, and only where there is room."""

import shutil
from pathlib import Path

import pytest

from rpcbackend.store import put_aside, quarantine

NOW_MS = 1_795_420_800_000
FILES = {"school.db": b"database", "school.db-wal": b"log", "school.db-shm": b"index"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "school.made").touch()
    return tmp_path


def test_all_files_of_the_database_are_copied_for_the_owner_alone(directory: Path) -> None:
    copy = put_aside(directory, NOW_MS)

    assert copy == directory / "quarantine" / "2026-11-23T080000.000000Z"
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == FILES
    modes = [path.stat().st_mode & 0o077 for path in (copy.parent, copy, *copy.iterdir())]
    assert set(modes) == {0}


def test_the_same_files_are_copied_once_and_others_again(directory: Path) -> None:
    first = put_aside(directory, NOW_MS)
    (directory / "school.db-shm").write_bytes(b"whoever looks makes it anew")
    again = put_aside(directory, NOW_MS + 1)
    (directory / "school.db-wal").write_bytes(b"longer log")
    other = put_aside(directory, NOW_MS + 2)

    assert first == again != other
    assert len(list((directory / "quarantine").iterdir())) == 2


def test_without_room_nothing_is_copied(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(directory).free
    monkeypatch.setattr(quarantine, "ROOM_BYTES", free * 2)

    assert put_aside(directory, NOW_MS) is None

    assert not (directory / "quarantine").exists()


def test_a_copy_that_cannot_be_made_leaves_no_half(directory: Path) -> None:
    (directory / "quarantine").write_bytes(b"in the way")

    assert put_aside(directory, NOW_MS) is None
