"""The reserve on the disk."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.store import Room

SIZE = 3 * 1024 * 1024


def test_the_reserve_takes_real_room_and_is_the_owner_s_alone(tmp_path: Path) -> None:
    room = Room(tmp_path, SIZE)
    assert room.missing_bytes() == SIZE

    assert room.make_ballast()

    found = (tmp_path / "school.ballast").stat()
    assert (found.st_size, found.st_mode & 0o077, room.missing_bytes()) == (SIZE, 0, 0)
    assert found.st_blocks * 512 >= SIZE


def test_one_that_is_there_is_left_and_one_that_is_too_small_made_anew(tmp_path: Path) -> None:
    ballast = tmp_path / "school.ballast"
    ballast.write_bytes(b"x" * 100)

    assert Room(tmp_path, SIZE).make_ballast()
    made = ballast.stat().st_ino, ballast.stat().st_mtime_ns
    assert Room(tmp_path, SIZE).make_ballast()

    assert (ballast.stat().st_ino, ballast.stat().st_mtime_ns) == made
    assert ballast.stat().st_size == SIZE


def test_where_it_finds_no_room_nothing_of_it_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)

    assert not Room(tmp_path, SIZE).make_ballast()

    assert list(tmp_path.iterdir()) == []


def test_without_the_system_s_help_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)

    assert Room(tmp_path, SIZE).make_ballast()

    assert (tmp_path / "school.ballast").stat().st_size == SIZE


def test_none_is_kept_when_none_is_wanted(tmp_path: Path) -> None:
    assert Room(tmp_path, 0).make_ballast()

    assert list(tmp_path.iterdir()) == []


def test_giving_back_what_is_not_there_does_no_harm(tmp_path: Path) -> None:
    room = Room(tmp_path / "nowhere", SIZE)

    room.drop_ballast()
    room.let_open()

    assert not room.make_ballast()
