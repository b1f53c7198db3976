"""The files of a data directory: none is begun anew where one was lost."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from rpcbackend.store import StorageFailedError, finish_restore, has_data, open_store
from rpcbackend.store.files import FILE_NAME, MARKER_NAME, STAGE_NAME, TRACE
from tests.clauses import clause
from tests.factories import KEY, store_in


def names_in(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir()}


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_a_new_directory_gets_a_database_and_a_trace_of_it(
    tmp_path: Path, key: bytes | None
) -> None:
    async with store_in(tmp_path, key=key):
        pass

    assert names_in(tmp_path) == {"school.db", "school.made"}
    assert (tmp_path / "school.made").read_bytes() == TRACE
    assert has_data(tmp_path)


@clause("never-empty")
@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"school.db": b""}, "school.db is empty; restore a backup"),
        ({"school.db": b"", "school.db-wal": b"log"}, "school.db is empty; restore a backup"),
        ({"school.db": b"", "school.made": TRACE}, "school.db is empty; restore a backup"),
        ({"school.db-wal": b"log"}, "school.db is missing; restore a backup"),
        ({"school.made": TRACE}, "school.db is missing; restore a backup"),
    ],
    ids=["empty", "empty with a log", "empty with a trace", "log alone", "trace alone"],
)
async def test_where_there_was_a_database_none_is_begun_anew(
    tmp_path: Path, files: dict[str, bytes], complaint: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    for key in (None, KEY):
        with pytest.raises(StorageFailedError) as failed:
            await open_store(tmp_path, key=key)
        assert str(failed.value) == complaint

    assert {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)} == files


@pytest.mark.parametrize(
    "files",
    [
        {"backend.lock": b"1"},
        {"school.db-wal": b""},
        {"school.db.new": b"half", "school.db.new-wal": b"half"},
    ],
    ids=["lock", "empty log", "half made"],
)
async def test_a_start_that_was_cut_short_is_no_trace(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    async with store_in(tmp_path):
        pass

    assert names_in(tmp_path) - {"backend.lock"} == {"school.db", "school.made"}


async def test_a_database_without_a_trace_gets_one_when_it_is_opened(tmp_path: Path) -> None:
    async with store_in(tmp_path):
        pass
    (tmp_path / "school.made").unlink()

    async with store_in(tmp_path):
        pass

    assert (tmp_path / "school.made").read_bytes() == TRACE


async def test_a_trace_that_finds_no_room_keeps_nobody_from_his_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Any:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "write", full)

    async with store_in(tmp_path) as store:
        assert await store.read(lambda work: work.events.head_seq()) == 0


@clause("files-private")
async def test_a_database_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    async with store_in(tmp_path):
        pass
    (tmp_path / "school.db").chmod(0o644)

    async with store_in(tmp_path):
        assert modes_in(tmp_path) == {0o600}


def modes_in(directory: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}


def test_a_stage_that_never_counted_is_left_where_nothing_may_be_written(tmp_path: Path) -> None:
    for name in (FILE_NAME, STAGE_NAME):
        (tmp_path / name).write_bytes(b"x")

    assert has_data(tmp_path, is_read_only=True)
    assert (tmp_path / STAGE_NAME).exists()
    assert has_data(tmp_path)
    assert not (tmp_path / STAGE_NAME).exists()


def test_a_marker_counts_also_where_nothing_may_be_written(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"old")
    (tmp_path / STAGE_NAME).write_bytes(b"new")
    (tmp_path / MARKER_NAME).write_text("", encoding="utf-8")

    assert has_data(tmp_path, is_read_only=True)

    assert (tmp_path / FILE_NAME).read_bytes() == b"new"


def test_a_restore_that_cannot_be_finished_is_said_so(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"old")
    (tmp_path / STAGE_NAME).write_bytes(b"new")
    (tmp_path / "file").touch()
    (tmp_path / MARKER_NAME).write_text("file/folder", encoding="utf-8")

    with pytest.raises(StorageFailedError, match="a restore was cut short and cannot be finished"):
        has_data(tmp_path, is_read_only=True)

    assert (tmp_path / FILE_NAME).read_bytes() == b"old"


def test_what_is_put_aside_never_takes_the_place_of_what_was_put_aside_before(
    tmp_path: Path,
) -> None:
    aside = tmp_path / "quarantine" / "x"
    aside.mkdir(parents=True)
    (aside / "school.db").write_bytes(b"the original")
    (tmp_path / "school.db").write_bytes(b"another")
    (tmp_path / STAGE_NAME).write_bytes(b"the restored one")
    (tmp_path / MARKER_NAME).write_text("quarantine/x", encoding="utf-8")

    finish_restore(tmp_path)

    assert (tmp_path / "school.db").read_bytes() == b"the restored one"
    assert {file.read_bytes() for file in aside.iterdir()} == {b"the original", b"another"}
    assert (aside / "school.db").read_bytes() == b"the original"
